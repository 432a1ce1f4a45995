/** What a message costs beside its payload, in bytes, and how many bytes for one receiver are worth a packet that is read. */
const bytesBeside = 256
const bytesPerPacket = 512

/**
 * Of a message for several, in packets' worth: what is written for each counts, not only how many there are (bench: stall).
 * Not in whole numbers of 32 bits: a large message for thousands would come out below nothing.
 */
export function fanOutWork(deliveries: number, payloadBytes: number): number {
  return Math.floor((deliveries * (bytesBeside + payloadBytes)) / bytesPerPacket)
}
