-- Writes what several partitions' owners have decided, each if its epoch is the one known here (P16): each product's
-- quantity by version, each order that is here by revision, never an older over a newer. Running it twice, or late,
-- changes nothing.
--
-- KEYS[1]   the hash of owners
-- KEYS[2..] one order key for each order, in the order of the arguments
-- ARGV      1 quantity's seconds to live, 2 version's, 3 order's; then for each partition: partition, epoch, count of
--           products, count of orders; three for each product: id, quantity, version; one for each order: its JSON,
--           revision first
-- Result    for each partition: 1 written; 0 fenced, a higher epoch is known; -1 this epoch is not known yet. Written
--           only at 1.
--
-- SET with GET writes and tells what was there in one call, half the price of asking first; what should have stayed is
-- put back before anybody else can see it. It needs Redis 6.2.
local results = {}
local key = 2
local at = 4
while at <= #ARGV do
  local known = tonumber(redis.call('HGET', KEYS[1], ARGV[at]) or -1)
  local epoch = tonumber(ARGV[at + 1])
  local products = tonumber(ARGV[at + 2])
  local orders = tonumber(ARGV[at + 3])
  at = at + 4
  if known ~= epoch then
    results[#results + 1] = known > epoch and 0 or -1
    at = at + 3 * products + orders
    key = key + orders
  else
    results[#results + 1] = 1
    for _ = 1, products do
      local product = 'product:' .. ARGV[at]
      local version = ARGV[at + 2]
      local old = redis.call('SET', product .. ':version', version, 'EX', ARGV[2], 'GET')
      if old and tonumber(old) > tonumber(version) then
        redis.call('SET', product .. ':version', old, 'EX', ARGV[2])
      else
        redis.call('SET', product .. ':quantity', ARGV[at + 1], 'EX', ARGV[1])
      end
      redis.call('DEL', product .. ':token')
      at = at + 3
    end
    for _ = 1, orders do
      local new = ARGV[at]
      local old = redis.call('SET', KEYS[key], new, 'EX', ARGV[3], 'XX', 'GET')
      if old then
        local revision = tonumber(string.match(old, '^{"revision":(%d+)') or 0)
        if revision > tonumber(string.match(new, '^{"revision":(%d+)')) then
          redis.call('SET', KEYS[key], old, 'EX', ARGV[3])
        end
      end
      at = at + 1
      key = key + 1
    end
  end
end
return results
