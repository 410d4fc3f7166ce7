-- Category and price of some items, and how often they and their categories were viewed, carted and
-- bought. After item_fields.lua.
--
-- KEYS  1 versions of the lists served, 2 offers, 3 prefix of the changes of items, 4 sums of events
-- ARGV  the items, each ended by a newline
-- Reply: the sums of all; the categories; their sums; for each item six doubles: the number of its
--        category, from 0, or -1, its price, or NaN, the time of its first event, or NaN, and its sums.
--        Sums are three doubles (views, carts, purchases).

local NAN = 0 / 0
local NOTHING = struct.pack('<ddd', 0, 0, 0)
local NO_EVENT = struct.pack('<dddd', NAN, 0, 0, 0)

local items, fields = {}, {}
for item in string.gmatch(ARGV[1], '[^\n]+') do
  items[#items + 1] = item
  fields[#fields + 1] = 'i' .. item
end
if #items == 0 then
  return { redis.call('HGET', KEYS[4], 't') or NOTHING, {}, '', '' }
end
local version = redis.call('HGET', KEYS[1], 'items') or ''
local known = redis.call('HMGET', KEYS[1] .. ':items:' .. version, unpack(items))
local sums = redis.call('HMGET', KEYS[4], unpack(fields))
local flags = redis.call('EXISTS', KEYS[2]) == 1 and redis.call('HMGET', KEYS[2], unpack(items)) or {}

local rows, categories, numbers = {}, {}, {}
for i, item in ipairs(items) do
  local text, changes = known[i], {}
  if flags[i] then
    changes = redis.call('HMGET', KEYS[3] .. item, 'category', 'price')
    if flags[i] == 'xx' then
      text = false
    end
  end
  local category = category_of(text, changes[1])
  local number = -1
  if category then
    number = numbers[category]
    if not number then
      number = #categories
      numbers[category] = number
      categories[number + 1] = 'c' .. category
    end
  end
  rows[i] = struct.pack('<dd', number, price_of(text, changes[2]) or NAN) .. (sums[i] or NO_EVENT)
end

local of_categories = {}
if #categories > 0 then
  of_categories = redis.call('HMGET', KEYS[4], unpack(categories))
  for i = 1, #categories do
    of_categories[i] = of_categories[i] or NOTHING
    categories[i] = string.sub(categories[i], 2)
  end
end
return {
  redis.call('HGET', KEYS[4], 't') or NOTHING,
  categories,
  table.concat(of_categories),
  table.concat(rows),
}
