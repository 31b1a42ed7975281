-- Takes a writer's mark off scopes (I1 of page-cache.ts). Where it was the last one, or is not there any more, the scope
-- has no generation: the next reader who misses a page makes a new one.
--
-- KEYS   the scopes
-- ARGV   1 the writer's token; 2 milliseconds that the keys live
-- Result how many scopes
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, key in ipairs(KEYS) do
  local marks = {}
  local known = redis.call('GET', key)
  if known and string.sub(known, 1, 1) == '!' then
    for token, ends in string.gmatch(string.sub(known, 2), '(%S+) (%d+)') do
      if tonumber(ends) > now and token ~= ARGV[1] then
        marks[#marks + 1] = token .. ' ' .. ends
      end
    end
  end
  if #marks == 0 then
    redis.call('DEL', key)
  else
    redis.call('SET', key, '!' .. table.concat(marks, ' '), 'PX', ARGV[2])
  end
end
return #KEYS
