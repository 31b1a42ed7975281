-- Puts positions of drivers, one after another, each only where it is newer than what is there (I1 of driver-positions.ts), and
-- forgets some of those who have fallen silent (I2). Redis's own clock decides (I3).
--
-- What is kept of a driver guards until the last of its observations is older than the silence, also where a later sequence was
-- observed earlier, as by a clock that was set back: the key lives until then.
--
-- KEYS[1]   the geographical set of places
-- KEYS[2]   the sorted set of when each falls silent
-- KEYS[3..] one position key for each position
-- ARGV      1 silence and 2 how far in the future an observation may be, in milliseconds; 3 how many silent ones to forget at most; then
--           five for each position: driver, sequence, observedAt, latitude, longitude
-- Result    two for each position: 1 applied, 0 not newer, -1 too old, -2 in the future; and the newest sequence that is known, or ''
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local silence = tonumber(ARGV[1])
local skew = tonumber(ARGV[2])

local silent = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now), 'LIMIT', 0, ARGV[3])
if #silent > 0 then
  redis.call('ZREM', KEYS[1], unpack(silent))
  redis.call('ZREM', KEYS[2], unpack(silent))
end

local results = {}
local at = 4
for index = 3, #KEYS do
  local driver, sequence = ARGV[at], ARGV[at + 1]
  local observed = tonumber(ARGV[at + 2])
  local known = redis.call('GET', KEYS[index])
  local newest, guards = '', 0
  if known then
    newest, guards = string.match(known, '^(%d+) .* (%d+)$')
    guards = tonumber(guards)
  end
  local outcome
  if observed > now + skew then
    outcome = -2
  elseif known and tonumber(sequence) <= tonumber(newest) then
    outcome = 0
  elseif observed + silence <= now then
    outcome = -1
  else
    outcome = 1
    newest = sequence
    local silent_from = string.format('%.0f', observed + silence)
    local until_then = string.format('%.0f', math.max(guards, observed + silence))
    local words = { sequence, ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], until_then }
    redis.call('SET', KEYS[index], table.concat(words, ' '), 'PXAT', until_then)
    redis.call('GEOADD', KEYS[1], ARGV[at + 4], ARGV[at + 3], driver)
    redis.call('ZADD', KEYS[2], silent_from, driver)
  end
  results[#results + 1] = outcome
  results[#results + 1] = newest
  at = at + 5
end
return results
