/**
 * Murmur2 as Apache Kafka's Java client computes it (org.apache.kafka.common.utils.Utils.murmur2), so that every
 * producer that uses Java's default partitioner puts a product on the same partition as we do. It runs once per order.
 */
const seed = 0x9747b28c;
const multiplier = 0x5bd1e995;

const mixWord = (hash: number, word: number): number => {
  let k = Math.imul(word, multiplier);
  k = Math.imul(k ^ (k >>> 24), multiplier);
  return Math.imul(hash, multiplier) ^ k;
};

const finish = (hash: number): number => {
  const mixed = Math.imul(hash ^ (hash >>> 13), multiplier);
  return mixed ^ (mixed >>> 15);
};

/** The hash of the bytes, a signed 32 bit integer like Java's. */
export const murmur2 = (bytes: Uint8Array): number => {
  const { length } = bytes;
  const wordsEnd = length & ~3;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  let hash = seed ^ length;
  for (let i = 0; i < wordsEnd; i += 4) hash = mixWord(hash, view.getInt32(i, true));
  if (wordsEnd < length) {
    let tail = 0;
    for (let i = length - 1; i >= wordsEnd; i--) tail = (tail << 8) | view.getUint8(i);
    hash = Math.imul(hash ^ tail, multiplier);
  }
  return finish(hash);
};

/**
 * The hash of the string's UTF-8 bytes. Product ids are ASCII, where a character is a byte: they are hashed without
 * making the bytes. A lone surrogate hashes like U+FFFD, which is what it becomes in UTF-8.
 */
export const murmur2OfString = (text: string): number => {
  const { length } = text;
  const wordsEnd = length & ~3;
  let hash = seed ^ length;
  let seen = 0;
  for (let i = 0; i < wordsEnd; i += 4) {
    const a = text.charCodeAt(i);
    const b = text.charCodeAt(i + 1);
    const c = text.charCodeAt(i + 2);
    const d = text.charCodeAt(i + 3);
    seen |= a | b | c | d;
    hash = mixWord(hash, a | (b << 8) | (c << 16) | (d << 24));
  }
  if (wordsEnd < length) {
    let tail = 0;
    for (let i = length - 1; i >= wordsEnd; i--) {
      const unit = text.charCodeAt(i);
      seen |= unit;
      tail = (tail << 8) | unit;
    }
    hash = Math.imul(hash ^ tail, multiplier);
  }
  return seen < 0x80 ? finish(hash) : murmur2(Buffer.from(text, "utf8"));
};
