-- Writes what one partition's owner has decided, if its epoch is the one known here (P16): each product's quantity by
-- version, each order that is here by revision, never an older over a newer. Running it twice, or late, changes nothing.
--
-- KEYS[1]   the hash of owners
-- KEYS[2..] one order key for each order
-- ARGV      1 partition, 2 epoch, 3 quantity's seconds to live, 4 version's, 5 order's, 6 count of products; then three
--           for each product: id, quantity, version; then one for each order: its JSON, revision first
-- Result    1 written; 0 fenced, a higher epoch is known; -1 this epoch is not known yet. Written only at 1.
--
-- SET with GET writes and tells what was there in one call, half the price of asking first; what should have stayed is
-- put back before anybody else can see it. It needs Redis 6.2.
local known = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or -1)
local epoch = tonumber(ARGV[2])
if known > epoch then return 0 end
if known < epoch then return -1 end

local at = 7
for _ = 1, tonumber(ARGV[6]) do
  local product = 'product:' .. ARGV[at]
  local version = ARGV[at + 2]
  local old = redis.call('SET', product .. ':version', version, 'EX', ARGV[4], 'GET')
  if old and tonumber(old) > tonumber(version) then
    redis.call('SET', product .. ':version', old, 'EX', ARGV[4])
  else
    redis.call('SET', product .. ':quantity', ARGV[at + 1], 'EX', ARGV[3])
  end
  redis.call('DEL', product .. ':token')
  at = at + 3
end

for index = 2, #KEYS do
  local new = ARGV[at]
  local old = redis.call('SET', KEYS[index], new, 'EX', ARGV[5], 'XX', 'GET')
  if old then
    local revision = tonumber(string.match(old, '^{"revision":(%d+)') or 0)
    if revision > tonumber(string.match(new, '^{"revision":(%d+)')) then
      redis.call('SET', KEYS[index], old, 'EX', ARGV[5])
    end
  end
  at = at + 1
end
return 1
