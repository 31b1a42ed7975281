-- Shows a driver's position to nobody any more. What is kept of it still guards against older ones (I1 of driver-positions.ts).
--
-- KEYS   1 the geographical set of places; 2 the sorted set of when each falls silent; 3 the driver's position key
-- ARGV   1 the driver
-- Result 1 there was something to withdraw, 0 not
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
local known = redis.call('GET', KEYS[3])
if not known then return 0 end
local sequence, observed, guards = string.match(known, '^(%d+) (%d+) .* (%d+)$')
redis.call('SET', KEYS[3], table.concat({ sequence, observed, '-', '-', guards }, ' '), 'KEEPTTL')
return 1
