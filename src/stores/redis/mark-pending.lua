-- Marks orders that the log has acknowledged and nobody has decided yet (P17): only where nothing is.
--
-- KEYS   one order key for each order
-- ARGV   1 seconds to live; then one for each order: its JSON
-- Result how many were marked
local marked = 0
for index = 1, #KEYS do
  if redis.call('SET', KEYS[index], ARGV[index + 1], 'EX', ARGV[1], 'NX') then marked = marked + 1 end
end
return marked
