-- Marks scopes: a writer is under way in them (I1 of page-cache.ts). Their generations are gone with that: what is read now can be put
-- under none of them. Marks whose time is over are left out.
--
-- KEYS   the scopes
-- ARGV   1 the writer's token; 2 milliseconds that the mark counts; 3 that the key lives: longer, so that it is not what a Redis that runs
--        short of memory gives up first
-- Result how many scopes
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local own = ARGV[1] .. ' ' .. string.format('%.0f', now + tonumber(ARGV[2]))
for _, key in ipairs(KEYS) do
  local marks = { own }
  local known = redis.call('GET', key)
  if known and string.sub(known, 1, 1) == '!' then
    for token, ends in string.gmatch(string.sub(known, 2), '(%S+) (%d+)') do
      if tonumber(ends) > now and token ~= ARGV[1] then marks[#marks + 1] = token .. ' ' .. ends end
    end
  end
  redis.call('SET', key, '!' .. table.concat(marks, ' '), 'PX', ARGV[3])
end
return #KEYS
