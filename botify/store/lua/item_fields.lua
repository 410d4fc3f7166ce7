-- What other scripts begin with: an item's category and price.
--
-- `known` is the item's JSON in the catalog, or false; `category` and `price` its changes,
-- "MS:JSON", or false. The service writes both as the first fields of the JSON where it has them
-- (`botify.lists.item_reader`), so that it need not be parsed.

local LARGEST_EXACT = 9007199254740992

local function decoded(known, name)
  if known and string.find(known, '"' .. name .. '"', 1, true) then
    local read, fields = pcall(cjson.decode, known)
    return read and type(fields) == 'table' and fields[name]
  end
end

local function changed_value(change)
  return string.sub(change, string.find(change, ':', 1, true) + 1)
end

-- As `botify.shop.features.facts.category_of` has it: "s" and the text, or "n" and the integer; nil
-- where there is none.
local function category_of(known, category)
  if category then
    known = '{"category":' .. changed_value(category) .. '}'
  end
  if not known then
    return nil
  end
  local text = string.match(known, '^[\t ]*{"category":"([^"\\]+)"')
  if text then
    return 's' .. text
  end
  local digits = string.match(known, '^[\t ]*{"category":(%-?[1-9]%d*)[,}]')
  if digits and #digits <= 15 then
    return 'n' .. digits
  end
  local value = decoded(known, 'category')
  if type(value) == 'string' and value ~= '' then
    return 's' .. value
  end
  if type(value) == 'number' and value == math.floor(value) and math.abs(value) <= LARGEST_EXACT then
    return 'n' .. string.format('%.0f', value == 0 and 0 or value)
  end
end

-- A number; nil where there is none.
local function price_of(known, price)
  if price then
    return tonumber(changed_value(price))
  end
  if not known then
    return nil
  end
  local number = string.match(known, '^[\t ]*{"category":"[^"\\]+","price":([^,}]+)')
    or string.match(known, '^[\t ]*{"price":([^,}]+)')
    or string.match(known, '^[\t ]*{"category":[^",]+,"price":([^,}]+)')
  if number then
    return tonumber(number)
  end
  local value = decoded(known, 'price')
  return type(value) == 'number' and value or nil
end

