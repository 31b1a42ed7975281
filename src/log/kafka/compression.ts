/**
 * How batches of records are unpacked. Our own appender packs nothing, but a foreign producer packs as its client likes: franz-go with snappy
 * by itself. kafkajs knows gzip alone, and where it meets anything else the whole consumer stands still.
 */
import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";
import kafkajs from "kafkajs";
import snappy from "kafkajs-snappy";
import { compress, decompress } from "lz4js";

/** What kafkajs asks of a codec. */
type Codec = {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(packed: Buffer): Promise<Buffer>;
};

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer => Buffer.from(buffer, byteOffset, byteLength);
const packZstd = promisify(zstdCompress);
const unpackZstd = promisify(zstdDecompress);

/** It would misread a frame with checksums of single blocks; neither Java's client nor librdkafka, franz-go or kafka-python writes one. */
const lz4: Codec = {
  compress: ({ buffer }) => Promise.resolve(bytesOf(compress(buffer))),
  decompress: (packed) => Promise.resolve(bytesOf(decompress(packed))),
};

const zstd: Codec = {
  compress: ({ buffer }) => packZstd(buffer),
  decompress: (packed) => unpackZstd(packed),
};

/** For all clients of this process: kafkajs keeps its codecs in one place. */
export const registerCodecs = (): void => {
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  CompressionCodecs[CompressionTypes.Snappy] = snappy;
  CompressionCodecs[CompressionTypes.LZ4] = () => lz4;
  CompressionCodecs[CompressionTypes.ZSTD] = () => zstd;
};
