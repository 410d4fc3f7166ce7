-- The best items of some lists that are in the catalog: a consistent view in one round trip.
--
-- A list is its ids, best first, each ended by a newline; then a zero byte, then a double
-- (little-endian) for each id, or nothing where the list has no scores.
--
-- KEYS  1 versions of the lists served; the items are among them, as "items"
-- ARGV  1 how many items at most, 2 number of excluded ones, the excluded items,
--       then the sources: number of lists of the source, and name and owner of each list.
--       A source with several lists takes from them in turns; an item comes once.
-- Reply: version of the first list ("" = none); then for each item the number of its source, from
--        0, the item, and the bytes of its score ("" = none).

local most, n_excluded = tonumber(ARGV[1]), tonumber(ARGV[2])
local taken = {}
for i = 3, 2 + n_excluded do
  taken[ARGV[i]] = true
end

local versions = {}
local function key_of(name)
  local version = versions[name]
  if not version then
    version = redis.call('HGET', KEYS[1], name) or ''
    versions[name] = version
  end
  return KEYS[1] .. ':' .. name .. ':' .. version
end

local catalog = key_of('items')
local reply = { '' }
local count = 0

-- The next item of a list that is neither taken nor gone from the catalog; nil at the end.
local function next_free(list)
  for item in list.ids do
    list.place = list.place + 1
    if not taken[item] and redis.call('HEXISTS', catalog, item) == 1 then
      return item
    end
  end
end

local at, source = 3 + n_excluded, 0
while at <= #ARGV and count < most do
  local open = {}
  for i = 1, tonumber(ARGV[at]) do
    local name, owner = ARGV[at + 2 * i - 1], ARGV[at + 2 * i]
    local value = redis.call('HGET', key_of(name), owner)
    if source == 0 and i == 1 then
      reply[1] = versions[name]
    end
    if value then
      local zero = string.find(value, '\0', 1, true)
      open[#open + 1] = {
        ids = string.gmatch(string.sub(value, 1, zero - 1), '[^\n]+'),
        scores = zero,
        value = value,
        place = 0,
      }
    end
  end
  at = at + 1 + 2 * tonumber(ARGV[at])
  local found = #open > 0
  while found and count < most do
    found = false
    for _, list in ipairs(open) do
      local item = count < most and next_free(list)
      if item then
        found = true
        taken[item] = true
        count = count + 1
        local first = list.scores + 8 * (list.place - 1) + 1
        reply[#reply + 1] = source
        reply[#reply + 1] = item
        reply[#reply + 1] = string.sub(list.value, first, first + 7)
      end
    end
  end
  source = source + 1
end
return reply
