/** The WebSocket messages in a run of bytes, as RFC 6455, section 5.2, has them: whole and unmasked, as servers send. */
export function messagesIn(bytes: Buffer): { data: Buffer; binary: boolean }[] {
  const messages: { data: Buffer; binary: boolean }[] = [];
  for (let at = 0; at < bytes.length;) {
    const opcode = bytes.readUInt8(at);
    const short = bytes.readUInt8(at + 1);
    if ((opcode !== 0x81 && opcode !== 0x82) || short > 127) throw new Error(`No whole, unmasked message at ${at}`);
    const size = short < 126 ? 0 : short === 126 ? 2 : 8;
    const length = size === 0 ? short : size === 2 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    const start = at + 2 + size;
    messages.push({ data: bytes.subarray(start, start + length), binary: opcode === 0x82 });
    at = start + length;
    if (at > bytes.length) throw new Error('The last message is cut off');
  }
  return messages;
}
