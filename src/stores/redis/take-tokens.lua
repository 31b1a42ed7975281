-- Gives a reader the right to refill what it missed (P16), unless another reader has it or the value is there by now.
--
-- KEYS   two for each product: quantity, token
-- ARGV   1 milliseconds to live, 2 the token, a word that nobody else uses
-- Result for each product 1 taken, 0 not
local taken = {}
for index = 1, #KEYS, 2 do
  local free = redis.call('EXISTS', KEYS[index]) == 0
  taken[#taken + 1] = (free and redis.call('SET', KEYS[index + 1], ARGV[2], 'PX', ARGV[1], 'NX')) and 1 or 0
end
return taken
