@rem "npm start" says exec, so that on POSIX systems no shell stands between npm and the broker and swallows signals. Windows: just run it.
@%*
