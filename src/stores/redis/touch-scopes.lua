-- Takes the generations of scopes away, but no writer's mark: what was read before can be put no more, and what was put counts no more.
-- The next reader who misses a page makes a new generation, a word that nobody has used.
--
-- KEYS   the scopes
-- Result how many scopes
for _, key in ipairs(KEYS) do
  local known = redis.call('GET', key)
  if known and string.sub(known, 1, 1) ~= '!' then redis.call('DEL', key) end
end
return #KEYS
