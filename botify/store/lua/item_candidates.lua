-- Candidates: the items of several lists that may be offered, list by list, with what the visitor
-- did last. One round trip. Before it stand item_fields.lua and shop_lists.lua.
--
-- KEYS  as shop_lists.lua
-- ARGV  1 to 3 as `ask` has them, 4 how many items of each list at most,
--       5 "categories" to reply the category of each item, or "",
--       6 of how many items of the last events to read lists, 7 the name of those lists,
--       8 the kinds of event that count, each ended by a newline,
--       9 the excluded items, each ended by a newline,
--       then name and owner of further lists, which come first in the reply
-- Reply: version of the first list ("" = none); the last events, each with its time;
--        for each list its name, owner, items, a newline between them, and the bytes of their scores
--        ("" = none), in turns;
--        the items that may be offered (of the last events, too), a newline between them; with
--        "categories", the category of each ("" = none), a newline between them.

ask(ARGV[1], ARGV[2], ARGV[3])
local depth, with_categories = tonumber(ARGV[4]), ARGV[5] == 'categories'
local may = {}
for item in string.gmatch(ARGV[9], '[^\n]+') do
  may[item] = false
end

local version, lists, items, categories = '', {}, {}, {}

local function offer(item)
  if may[item] == nil then
    may[item] = may_be_offered(item)
    if may[item] then
      items[#items + 1] = item
      if with_categories then
        categories[#categories + 1] = category_id(item)
      end
    end
  end
  return may[item]
end

local function add(name, owner)
  local value = redis.call('HGET', key_of(name), owner)
  if version == '' then
    version = versions[name]
  end
  if not value then
    return
  end
  local ids, scores = {}, {}
  for item, first in reader(value, depth) do
    if offer(item) then
      ids[#ids + 1] = item
      scores[#scores + 1] = string.sub(value, first, first + 7)
      if #ids >= depth then
        break
      end
    end
  end
  local n = #lists
  lists[n + 1], lists[n + 2] = name, owner
  lists[n + 3], lists[n + 4] = table.concat(ids, '\n'), table.concat(scores)
end

for i = 10, #ARGV, 2 do
  add(ARGV[i], ARGV[i + 1])
end
for _, item in ipairs(seeds_of(tonumber(ARGV[6]), ARGV[8])) do
  add(ARGV[7], item)
end
local events, seen = last_events(), {}
for i = 1, #events, 2 do
  seen[#seen + 1] = string.sub(events[i], string.find(events[i], '\0', 9, true) + 1)
end
look_up(seen)
for _, item in ipairs(seen) do
  offer(item)
end
return { version, events, lists, table.concat(items, '\n'), table.concat(categories, '\n') }
