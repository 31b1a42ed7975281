-- The drivers nearest to a place, of those that are heard of, after forgetting some of those who have fallen silent (I2 of
-- driver-positions.ts). Who asks comes again while as many were forgotten as may be: until then silent ones may be in the way.
--
-- KEYS   1 the geographical set of places; 2 the sorted set of when each falls silent
-- ARGV   1 how many silent ones to forget at most; 2 latitude; 3 longitude; 4 radius in metres; 5 how many drivers at most
-- Result how many were forgotten; Redis's clock in milliseconds; then three for each driver, the nearest first: driver, metres, and
--        what its position key holds
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local silent = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[1])
if #silent > 0 then
  redis.call('ZREM', KEYS[1], unpack(silent))
  redis.call('ZREM', KEYS[2], unpack(silent))
end
local results = { #silent, now }
local found = redis.call(
  'GEOSEARCH', KEYS[1], 'FROMLONLAT', ARGV[3], ARGV[2], 'BYRADIUS', ARGV[4], 'm', 'ASC', 'COUNT', ARGV[5], 'WITHDIST'
)
for _, each in ipairs(found) do
  local known = redis.call('GET', 'driver:' .. each[1] .. ':position')
  if known then
    results[#results + 1] = each[1]
    results[#results + 1] = each[2]
    results[#results + 1] = known
  end
end
return results
