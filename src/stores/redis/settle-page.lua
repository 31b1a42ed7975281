-- Settles what a reader has read from PostgreSQL (I3 of page-cache.ts): puts it, if its fill still counts, under the generations that
-- were there before (I2). All fills of the page end. A page that is there by now is the answer instead.
--
-- KEYS   1 incarnation; 2 page; 3 its stamp; 4 its fill; 5 index of pages; 6 their bytes; 7.. its scopes
-- ARGV   1 the fill's token, or `` for none; 2 a new word; 3 milliseconds that the page lives, 4 that generations do; 5 the budget in
--        bytes; 6 what the page counts as; 7 its key in the index; 8 pages that may make room; 9 `1`: there is a text; 10 the text;
--        11 the fill's incarnation; 12.. its generations
-- Result a word: `put`, then the stamp; `hit`, then stamp and text; `not_put`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function forget(key)
  local bytes = redis.call('HGET', KEYS[6], key)
  if bytes then
    redis.call('HDEL', KEYS[6], key)
    redis.call('HINCRBY', KEYS[6], 'total', -bytes)
  end
  redis.call('ZREM', KEYS[5], key)
  redis.call('DEL', 'page:' .. key, 'page:' .. key .. ':stamp')
end

local word = string.match(redis.call('GET', KEYS[1]) or '', '^(%S+) ') or ''
local generations = {}
local is_quiet = word ~= ''
local is_same = ARGV[11] == word
for index = 7, #KEYS do
  local generation = redis.call('GET', KEYS[index]) or ''
  if string.sub(generation, 1, 1) == '!' then is_quiet = false end
  if generation ~= ARGV[index + 5] then is_same = false end
  generations[#generations + 1] = generation
end

local page = is_quiet and redis.call('GET', KEYS[2])
if page then
  local prefix = word .. ' ' .. table.concat(generations, ' ') .. ' '
  if string.sub(page, 1, #prefix) == prefix then
    local stop = string.find(page, '\n', 1, true)
    return { 'hit', string.sub(page, 1, stop - 1), string.sub(page, stop + 1) }
  end
end

local token = redis.call('GET', KEYS[4])
local may_put = is_quiet and is_same and ARGV[9] == '1' and token and token == ARGV[1]
redis.call('DEL', KEYS[4])
forget(ARGV[7])
if not may_put then return { 'not_put' } end

for _, expired in ipairs(redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', string.format('%.0f', now), 'LIMIT', 0, ARGV[8])) do
  forget(expired)
end
local room = tonumber(ARGV[5]) - tonumber(ARGV[6])
local left = tonumber(ARGV[8])
while left > 0 and tonumber(redis.call('HGET', KEYS[6], 'total') or 0) > room do
  local soonest = redis.call('ZRANGE', KEYS[5], 0, 0)[1]
  if not soonest then
    redis.call('DEL', KEYS[6]) -- One of the two was taken away by itself: the count begins anew.
    break
  end
  forget(soonest)
  left = left - 1
end
if tonumber(redis.call('HGET', KEYS[6], 'total') or 0) > room then return { 'not_put' } end

for index = 7, #KEYS do redis.call('PEXPIRE', KEYS[index], ARGV[4]) end
local stamp = word .. ' ' .. table.concat(generations, ' ') .. ' ' .. ARGV[2]
redis.call('SET', KEYS[2], stamp .. '\n' .. ARGV[10], 'PX', ARGV[3])
redis.call('SET', KEYS[3], stamp, 'PX', ARGV[3])
redis.call('ZADD', KEYS[5], string.format('%.0f', now + tonumber(ARGV[3])), ARGV[7])
redis.call('HSET', KEYS[6], ARGV[7], ARGV[6])
redis.call('HINCRBY', KEYS[6], 'total', ARGV[6])
return { 'put', stamp }
