-- Candidates: the items of several lists that may be offered, list by list, with what the visitor
-- did last. One round trip. Before it stands shop_lists.lua.
--
-- KEYS  as shop_lists.lua
-- ARGV  1 how many items of each list at most, 2 "details" to reply what is known of each item,
--       or "", 3 of how many items of the last events to read lists, 4 the name of those lists,
--       5 the kinds of event that count, each ended by a newline,
--       6 number of excluded items, the excluded items,
--       then name and owner of further lists, which come first in the reply
-- Reply: version of the first list ("" = none); the last events, each with its time;
--        for each list its name, owner, items, a newline between them, and the bytes of their scores ("" = none), in turns;
--        for each item that may be offered (of the last events, too) its id, a newline between
--        them; with "details", in turns its id, its JSON ("" = none) and its changes, names and values in turns.

local depth, details = tonumber(ARGV[1]), ARGV[2] == 'details'
local n_excluded = tonumber(ARGV[6])
local may = {}
for i = 7, 6 + n_excluded do
  may[ARGV[i]] = false
end

local version, lists, items = '', {}, {}

local function offer(item)
  if may[item] == nil then
    local offered, known = may_be_offered(item)
    may[item] = offered or false
    if offered then
      items[#items + 1] = item
      if details then
        items[#items + 1] = known or ''
        items[#items + 1] = changed and redis.call('HGETALL', KEYS[3] .. item) or {}
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
  local zero = string.find(value, '\0', 1, true)
  local ids, scores, place = {}, {}, zero + 1
  for item in string.gmatch(string.sub(value, 1, zero - 1), '[^\n]+') do
    if offer(item) then
      ids[#ids + 1] = item
      scores[#scores + 1] = string.sub(value, place, place + 7)
      if #ids >= depth then
        break
      end
    end
    place = place + 8
  end
  local n = #lists
  lists[n + 1], lists[n + 2], lists[n + 3], lists[n + 4] = name, owner, table.concat(ids, '\n'), table.concat(scores)
end

for i = 7 + n_excluded, #ARGV, 2 do
  add(ARGV[i], ARGV[i + 1])
end
for _, item in ipairs(seeds_of(tonumber(ARGV[3]), ARGV[5])) do
  add(ARGV[4], item)
end
local events = last_events()
for i = 1, #events, 2 do
  offer(string.sub(events[i], string.find(events[i], '\0', 9, true) + 1))
end
return { version, events, lists, details and items or table.concat(items, '\n') }
