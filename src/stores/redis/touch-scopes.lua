-- Gives scopes new generations: what was read before can be put no more, and what was put counts no more. A scope in which a writer is
-- under way has none, and gets a new one with the end of that.
--
-- KEYS   the scopes
-- ARGV   1 a new word; 2 milliseconds that a generation lives
-- Result how many scopes
for _, key in ipairs(KEYS) do
  local known = redis.call('GET', key)
  if not known or string.sub(known, 1, 1) ~= '!' then redis.call('SET', key, ARGV[1], 'PX', ARGV[2]) end
end
return #KEYS
