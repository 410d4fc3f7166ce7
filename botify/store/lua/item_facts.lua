-- What is known of some items, and how often they and their categories were viewed, carted and
-- bought. After item_category.lua.
--
-- KEYS  1 versions of the lists served, 2 prefix of the changes of items, 3 sums of events
-- ARGV  1 how many kinds are counted, then the items
-- Reply: the total of each kind; the categories, each with its sum of each kind; then for each item
--        its JSON, its changes, names and values in turns, the time of its first event, and its sum
--        of each kind. "" where there is none.

local version = redis.call('HGET', KEYS[1], 'items') or ''
local catalog = KEYS[1] .. ':items:' .. version
local kinds = tonumber(ARGV[1])
local reply, of_categories, seen = {}, {}, {}

local function append_sums(to, letter, name, first)
  local fields = first and { first } or {}
  for kind = 0, kinds - 1 do
    fields[#fields + 1] = letter .. kind .. name
  end
  for _, sum in ipairs(redis.call('HMGET', KEYS[3], unpack(fields))) do
    to[#to + 1] = sum or ''
  end
end

append_sums(reply, 't', '')
reply[#reply + 1] = of_categories
for i = 2, #ARGV do
  local item = ARGV[i]
  local known = redis.call('HGET', catalog, item)
  local changes = redis.call('HGETALL', KEYS[2] .. item)
  local changed
  for j = 1, #changes, 2 do
    changed = changed or changes[j] == 'category' and changes[j + 1]
  end
  local category = category_of(known, changed)
  if category and not seen[category] then
    seen[category] = true
    of_categories[#of_categories + 1] = category
    append_sums(of_categories, 'c', category)
  end
  reply[#reply + 1] = known or ''
  reply[#reply + 1] = changes
  append_sums(reply, 'i', item, 'f' .. item)
end
return reply
