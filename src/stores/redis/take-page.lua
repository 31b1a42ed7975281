-- Gives a reader the right to put a page that it missed (I2 of page-cache.ts), with what the page will count by; or the page, if it is
-- there by now. Nothing is given while a writer is under way, or for a while after all was lost (I4).
--
-- KEYS   1 incarnation; 2 page; 3 its fill; 4.. its scopes
-- ARGV   1 a new word; 2 milliseconds for which nothing is put after a loss; 3 milliseconds that a fill lives, and twice that a new
--        generation, unless a page is put under it; 4 `1`: another reader's fill is shared
-- Result a word: `hit`, then stamp and text; `fill`, then token, incarnation and a generation for each scope; `taken`; `busy`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local incarnation = redis.call('GET', KEYS[1])
if not incarnation then
  incarnation = ARGV[1] .. ' ' .. string.format('%.0f', now + tonumber(ARGV[2]))
  redis.call('SET', KEYS[1], incarnation)
end
local word, usable_from = string.match(incarnation, '^(%S+) (%d+)$')
if tonumber(usable_from) > now then return { 'busy' } end

local generations = {}
for index = 4, #KEYS do
  local generation = redis.call('GET', KEYS[index])
  if generation and string.sub(generation, 1, 1) == '!' then
    for _, ends in string.gmatch(string.sub(generation, 2), '(%S+) (%d+)') do
      if tonumber(ends) > now then return { 'busy' } end
    end
    generation = false -- Those writers died, and what they wanted to commit is committed by now or never will be.
  end
  if not generation then
    generation = ARGV[1]
    redis.call('SET', KEYS[index], generation, 'PX', 2 * tonumber(ARGV[3]))
  end
  generations[#generations + 1] = generation
end
local page = redis.call('GET', KEYS[2])
if page then
  local prefix = word .. ' ' .. table.concat(generations, ' ') .. ' '
  if string.sub(page, 1, #prefix) == prefix then
    local stop = string.find(page, '\n', 1, true)
    return { 'hit', string.sub(page, 1, stop - 1), string.sub(page, stop + 1) }
  end
end
local token = redis.call('GET', KEYS[3])
if token and ARGV[4] ~= '1' then return { 'taken' } end
if not token then
  token = ARGV[1]
  redis.call('SET', KEYS[3], token, 'PX', ARGV[3])
end
return { 'fill', token, word, unpack(generations) }
