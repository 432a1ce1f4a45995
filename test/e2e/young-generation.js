// Loaded before the launcher by a test: says which process this is and what Node.js was started with.
console.log(JSON.stringify({ pid: process.pid, arguments: process.execArgv }))
