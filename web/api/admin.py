"""Tokens in /admin/."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from web.api.models import Scope, Token
from web.api.tokens import DAYS, MOST_DAYS, TokenError, make_token
from web.people.models import User


class NewToken(forms.ModelForm):
    """What is asked for a new token."""

    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("It may"), choices=Scope.choices, widget=forms.CheckboxSelectMultiple
    )
    days = forms.IntegerField(
        label=gettext_lazy("Good for so many days"),
        min_value=1,
        max_value=MOST_DAYS,
        initial=DAYS,
    )

    class Meta:
        model = Token
        fields = ["user", "name"]


@admin.register(Token)
class TokenAdmin(admin.ModelAdmin):
    """Tokens are made and revoked (deleted); nothing of one can be changed."""

    list_display = ["start", "name", "user", "scope_names", "expires_at", "last_used_at"]
    list_filter = ["expires_at", "created_at"]
    list_select_related = ["user"]
    search_fields = ["name", "start", "user__username"]
    fields = ["user", "name", "scopes", "days"]

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """The form of a new token."""
        if obj is None:
            kwargs |= {"form": NewToken, "fields": None}
        return super().get_form(request, obj, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A token that is there is shown as it is in the list."""
        return ["user", "name", "scopes", "days"] if obj is None else self.list_display

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was given out stays as it is."""
        return False

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Only superusers make tokens of others: a token has its person's powers."""
        if not request.user.is_superuser:
            kwargs["queryset"] = User.objects.filter(pk=request.user.pk)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Make it, and show its text this once."""
        said = form.cleaned_data
        try:
            token, secret = make_token(said["user"], said["name"], said["scopes"], said["days"])
        except TokenError as error:
            messages.error(request, str(error))
            return
        obj.__dict__.update(token.__dict__)
        text = _("The new token. It is shown this once:")
        messages.warning(request, format_html("{} <code>{}</code>", text, secret))
