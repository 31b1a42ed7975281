-- Writes what several partitions' owners have decided, each if its epoch is the one known here (P16): each product's
-- quantity by version, each order that is here by revision, never an older over a newer. Running it twice, or late,
-- changes nothing.
--
-- A quantity is revoked instead where its owner is not its home's, does not know the newest count of partitions, or noted what
-- the cache was before something happened to it: then it is taken away unless it is as new. The version stays as its guard.
--
-- KEYS[1]   the hash of owners: `incarnation`; `partitions`, the highest count that homes were told apart by; `revocations`,
--           how many there were; `revoked:` and three hex digits of a product id's SHA-1: the number of the last one of
--           such a product; by partition, the highest epoch known
-- KEYS[2..] one order key for each order, in the order of the arguments
-- ARGV      1 quantity's seconds to live, 2 version's, 3 order's; then for each partition: partition, epoch, count of
--           partitions, the three of what its owner noted (incarnation, count of partitions, revocations), count of
--           products, count of orders; three for each product: id, quantity or `-` to revoke it, version; one for each
--           order: its JSON, revision first
-- Result    incarnation, count of partitions, revocations, as they are now; how many of the orders were here; then for each
--           partition: 1 written; 0 fenced, a higher epoch is known; -1 this epoch is not known yet. Written only at 1.
--
-- SET with GET writes and tells what was there in one call, half the price of asking first; what should have stayed is
-- put back before anybody else can see it. It needs Redis 6.2.
local owners = KEYS[1]
local state = redis.call('HMGET', owners, 'incarnation', 'partitions', 'revocations')
local incarnation = state[1] or ''
local partitions = tonumber(state[2] or 0)
local revocations = tonumber(state[3] or 0)
local outcomes = {}
local present = 0
local key = 2
local at = 4

local function revocation_of(id)
  return 'revoked:' .. string.sub(redis.sha1hex(id), 1, 3)
end

while at <= #ARGV do
  local known = tonumber(redis.call('HGET', owners, ARGV[at]) or -1)
  local epoch = tonumber(ARGV[at + 1])
  local count = tonumber(ARGV[at + 2])
  local noted = tonumber(ARGV[at + 5])
  local products = tonumber(ARGV[at + 6])
  local orders = tonumber(ARGV[at + 7])
  if known ~= epoch then
    outcomes[#outcomes + 1] = known > epoch and 0 or -1
    at = at + 8 + 3 * products + orders
    key = key + orders
  else
    outcomes[#outcomes + 1] = 1
    if count > partitions then
      partitions = count
      redis.call('HSET', owners, 'partitions', count)
    end
    local is_current = ARGV[at + 3] == incarnation and tonumber(ARGV[at + 4]) == partitions
    at = at + 8
    for _ = 1, products do
      local id = ARGV[at]
      local product = 'product:' .. id
      local version = ARGV[at + 2]
      local is_home = ARGV[at + 1] ~= '-' and count == partitions
      local is_revoked = not is_home or not is_current
      if not is_revoked and noted < revocations then
        is_revoked = tonumber(redis.call('HGET', owners, revocation_of(id)) or 0) > noted
      end
      if not is_home then
        revocations = redis.call('HINCRBY', owners, 'revocations', 1)
        redis.call('HSET', owners, revocation_of(id), revocations)
      end
      local old = redis.call('SET', product .. ':version', version, 'EX', ARGV[2], 'GET')
      local newer = old and tonumber(old) - tonumber(version) or -1
      if newer > 0 then
        redis.call('SET', product .. ':version', old, 'EX', ARGV[2])
      elseif not is_revoked then
        redis.call('SET', product .. ':quantity', ARGV[at + 1], 'EX', ARGV[1])
      elseif newer < 0 then
        redis.call('DEL', product .. ':quantity')
      end
      redis.call('DEL', product .. ':token')
      at = at + 3
    end
    for _ = 1, orders do
      local new = ARGV[at]
      local old = redis.call('SET', KEYS[key], new, 'EX', ARGV[3], 'XX', 'GET')
      if old then
        present = present + 1
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
return { incarnation, partitions, revocations, present, unpack(outcomes) }
