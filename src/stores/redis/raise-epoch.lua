-- Makes an owner's epoch the known one of its partition, after PostgreSQL has said that it is the latest (P16). The
-- incarnation is the one read before PostgreSQL was asked: if Redis was emptied since, the answer may be older than what
-- was lost, and the owner has to ask again.
--
-- KEYS[1] the hash of owners
-- ARGV    1 incarnation, 2 partition, 3 epoch
-- Result  1 the epoch is known now; 0 fenced, a higher one is; -1 another incarnation, nothing written
if redis.call('HGET', KEYS[1], 'incarnation') ~= ARGV[1] then return -1 end
local known = tonumber(redis.call('HGET', KEYS[1], ARGV[2]) or -1)
if known > tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
return 1
