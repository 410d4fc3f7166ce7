-- What the scripts that look for items share; it stands before each of them, after item_fields.lua.
--
-- KEYS  1 versions of the lists served; the items are among them, as "items"
--       2 offers, 3 prefix of the changes of items (see keys.py)
--       4 the visitor's last events, or "", 5 what the visitor bought, or ""
-- BOUGHT_MS: for so many ms, what the visitor bought is not offered.

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
local changed = redis.call('EXISTS', KEYS[2]) == 1

-- What a request asks of items: the categories, each ended by a newline, "" for any; the bounds of
-- the price, "" for none.
local asked, least, most_price
local function ask(categories, lower, upper)
  least, most_price = tonumber(lower), tonumber(upper)
  if categories ~= '' then
    asked = {}
    for category in string.gmatch(categories, '[^\n]+') do
      asked[category] = true
    end
  end
end

local bought_since
local function is_bought(item)
  if bought_since == nil then
    bought_since = false
    if KEYS[5] ~= '' and redis.call('EXISTS', KEYS[5]) == 1 then
      bought_since = tonumber(redis.call('TIME')[1]) * 1000 - BOUGHT_MS
    end
  end
  return bought_since and tonumber(redis.call('ZSCORE', KEYS[5], item) or -1) >= bought_since
end

-- JSON in the catalog, or false, and flags of the items that were looked up, by item.
local texts, flags_of = {}, {}
local function look_up(items)
  local new = {}
  for _, item in ipairs(items) do
    if texts[item] == nil then
      new[#new + 1] = item
    end
  end
  if #new == 0 then
    return
  end
  local found = redis.call('HMGET', catalog, unpack(new))
  local flags = changed and redis.call('HMGET', KEYS[2], unpack(new)) or {}
  for i, item in ipairs(new) do
    texts[item], flags_of[item] = found[i], flags[i]
  end
end

local function is_shown(item)
  local known, flags = texts[item], flags_of[item]
  if not flags then
    return known and string.byte(known) == 123
  end
  local hidden, available = string.sub(flags, 1, 1), string.sub(flags, 2, 2)
  if hidden == '-' and known and string.find(known, '^\t') then
    hidden = 'h'
  end
  if available == '-' and known and string.find(known, '^\t? ') then
    available = 'u'
  end
  return hidden ~= 'h' and hidden ~= 'x' and available ~= 'u'
end

-- Its category as an id; "" where it has none.
local function category_id(item)
  local change = flags_of[item] and redis.call('HGET', KEYS[3] .. item, 'category')
  local category = category_of(texts[item], change)
  if not category or string.find(category, '%c') then
    return ''
  end
  return string.sub(category, 2)
end

-- Whether an item that was looked up may be offered.
local function may_be_offered(item)
  if not is_shown(item) or is_bought(item) then
    return false
  end
  if asked and not asked[category_id(item)] then
    return false
  end
  if least or most_price then
    local change = flags_of[item] and redis.call('HGET', KEYS[3] .. item, 'price')
    local price = price_of(texts[item], change)
    return price ~= nil and (not least or price >= least) and (not most_price or price <= most_price)
  end
  return true
end

local recent
local function last_events()
  if not recent then
    recent = KEYS[4] ~= '' and redis.call('ZREVRANGE', KEYS[4], 0, -1, 'WITHSCORES') or {}
  end
  return recent
end

-- The items of the last events of these kinds, newest first.
local function seeds_of(most_seeds, kinds)
  local seeds, known = {}, {}
  local counts = {}
  for kind in string.gmatch(kinds, '[^\n]+') do
    counts[kind] = true
  end
  for i = 1, #last_events(), 2 do
    if #seeds >= most_seeds then
      break
    end
    local event = recent[i]
    local zero = string.find(event, '\0', 9, true)
    local item = string.sub(event, zero + 1)
    if counts[string.sub(event, 9, zero - 1)] and not known[item] then
      known[item] = true
      seeds[#seeds + 1] = item
    end
  end
  return seeds
end

-- A list in Redis: its ids one after the other, some of them looked up at once, with their places.
local function reader(value, some)
  local zero = string.find(value, '\0', 1, true)
  local next_id = string.gmatch(string.sub(value, 1, zero - 1), '[^\n]+')
  local ids, at, place = {}, 1, 0
  return function()
    if at > #ids then
      ids, at = {}, 1
      for item in next_id do
        ids[#ids + 1] = item
        if #ids >= some then
          break
        end
      end
      look_up(ids)
    end
    local item = ids[at]
    at = at + 1
    place = place + 1
    -- The bytes of its score are there, too, or nothing.
    return item, zero + 8 * (place - 1) + 1
  end
end

