-- What other scripts begin with: the category of an item, as `botify.shop.features.facts` has it:
-- "s" and the text, or "n" and the integer; nil where there is none.
--
-- known    the item's JSON in the catalog, or false
-- changed  the change of its category, "MS:JSON", or false
local function category_of(known, changed)
  if changed then
    known = '{"category":' .. string.sub(changed, string.find(changed, ':', 1, true) + 1) .. '}'
  end
  if not known or not string.find(known, '"category"', 1, true) then
    return nil
  end
  -- A text that needs no parser: no nested object, nothing escaped.
  if not string.find(known, '{', 4, true) and not string.find(known, '\\', 1, true) then
    local text = string.match(known, '"category":"([^"]+)"')
    if text then
      return 's' .. text
    end
  end
  local read, fields = pcall(cjson.decode, known)
  local category = read and fields.category
  if type(category) == 'string' and category ~= '' then
    return 's' .. category
  end
  if type(category) == 'number' and category == math.floor(category) then
    return 'n' .. string.format('%.0f', category)
  end
end

