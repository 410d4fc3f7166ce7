"""The form of an item."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from web.catalog.models import Item, Tag

MOST_TAGS = 50


class ItemForm(forms.ModelForm):
    """Name, description, picture and tags. What is counted of ratings is not for people to set."""

    tag_names = forms.CharField(
        label=_("Tags"), required=False, max_length=2000, help_text=_("Separated by commas.")
    )

    class Meta:
        model = Item
        fields = ["name", "description", "image"]
        widgets = {"description": forms.Textarea(attrs={"rows": 6})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["tag_names"].initial = ", ".join(
                self.instance.tags.values_list("name", flat=True)
            )

    def clean_tag_names(self) -> list[str]:
        """The tags, each once, in their order."""
        names = dict.fromkeys(
            part.strip() for part in self.cleaned_data["tag_names"].split(",") if part.strip()
        )
        if len(names) > MOST_TAGS:
            raise forms.ValidationError(_("No more than %(n)s tags.") % {"n": MOST_TAGS})
        for name in names:
            if len(name) > 100 or name.startswith("-"):
                raise forms.ValidationError(
                    _("A tag has at most 100 characters and does not begin with a minus.")
                )
        return list(names)

    def save(self, commit: bool = True) -> Item:
        """Save the item and its tags; new tags are made."""
        item = super().save(commit)
        item.tags.set(
            Tag.objects.get_or_create(name=name)[0] for name in self.cleaned_data["tag_names"]
        )
        return item
