-- Puts in what a reader found in PostgreSQL after a miss (P16): only with the token of that very miss, which every write
-- of an owner takes away; only where nothing is; never below the version that guards the place.
--
-- KEYS   three for each product: quantity, version, token
-- ARGV   1 quantity's seconds to live, 2 version's; then three for each product: token, quantity, version
-- Result how many were put in
local filled = 0
local at = 3
for index = 1, #KEYS, 3 do
  if redis.call('GET', KEYS[index + 2]) == ARGV[at] then
    redis.call('DEL', KEYS[index + 2])
    local guard = tonumber(redis.call('GET', KEYS[index + 1]) or -1)
    if redis.call('EXISTS', KEYS[index]) == 0 and guard <= tonumber(ARGV[at + 2]) then
      redis.call('SET', KEYS[index], ARGV[at + 1], 'EX', ARGV[1])
      redis.call('SET', KEYS[index + 1], ARGV[at + 2], 'EX', ARGV[2])
      filled = filled + 1
    end
  end
  at = at + 3
end
return filled
