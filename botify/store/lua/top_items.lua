-- The best items of some lists that may be offered, and the visitor's last events: a consistent
-- view in one round trip.
--
-- A list is its ids, best first, each ended by a newline; then a zero byte, then a double
-- (little-endian) for each id, or nothing where the list has no scores.
--
-- KEYS  1 versions of the lists served; the items are among them, as "items"
--       2 offers, 3 prefix of the changes of items (see keys.py)
--       4 the visitor's last events, or ""
-- ARGV  1 to 3 as `ask` has them, 4 how many items at most, 5 how many of the last events to reply,
--       6 "categories" to reply the category of each item, or "",
--       7 the excluded items, each ended by a newline,
--       then the sources: number of lists of the source; name and owner of each list; then, for
--       lists of the items of the last events: how many items at most, name of the lists, and the
--       kinds of event that count, each ended by a newline.
--       A source with several lists takes from them in turns; an item comes once. Items whose
--       lists are looked up by the last events are not answered.
-- Reply: version of the first list ("" = none); the last events, each with its time; then for each
--        item the number of its source, from 0, the item, the bytes of its score ("" = none), and
--        with "categories" its category ("" = none).
-- Before it stand item_fields.lua and shop_lists.lua.

ask(ARGV[1], ARGV[2], ARGV[3])
local most, n_recent, with_categories = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == 'categories'
local taken = {}
for item in string.gmatch(ARGV[7], '[^\n]+') do
  taken[item] = true
end

local reply = { '' }
local count = 0

-- The next item of a list that is not taken and may be offered, and where the bytes of its score
-- begin; nil at the end.
local function next_free(list)
  for item, first in list.next do
    if not taken[item] and may_be_offered(item) then
      return item, first
    end
  end
end

local function open_list(open, name, owner)
  local value = redis.call('HGET', key_of(name), owner)
  if reply[1] == '' then
    reply[1] = versions[name]
  end
  if value then
    open[#open + 1] = { next = reader(value, math.min(most, 50)), value = value }
  end
end

reply[2] = {}
for i = 1, n_recent > 0 and math.min(2 * n_recent, #last_events()) or 0 do
  reply[2][i] = recent[i]
end

local at, source = 8, 0
while at <= #ARGV and count < most do
  local open, n_lists = {}, tonumber(ARGV[at])
  for i = 1, n_lists do
    open_list(open, ARGV[at + 2 * i - 1], ARGV[at + 2 * i])
  end
  at = at + 1 + 2 * n_lists
  local most_seeds, name = tonumber(ARGV[at]), ARGV[at + 1]
  if most_seeds > 0 then
    if reply[1] == '' then -- of a visitor without events too: the version is the recommender's
      key_of(name)
      reply[1] = versions[name]
    end
    for _, item in ipairs(seeds_of(most_seeds, ARGV[at + 2])) do
      taken[item] = true
      open_list(open, name, item)
    end
  end
  at = at + 3
  local found = #open > 0
  while found and count < most do
    found = false
    for _, list in ipairs(open) do
      local item, first
      if count < most then
        item, first = next_free(list)
      end
      if item then
        found = true
        taken[item] = true
        count = count + 1
        reply[#reply + 1] = source
        reply[#reply + 1] = item
        reply[#reply + 1] = string.sub(list.value, first, first + 7)
        if with_categories then
          reply[#reply + 1] = category_id(item)
        end
      end
    end
  end
  source = source + 1
end
return reply
