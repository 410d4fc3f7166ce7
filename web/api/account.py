"""The page of one's own tokens."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from web.api.models import Scope, Token
from web.api.tokens import DAYS, MOST_DAYS, TokenError, make_token
from web.people.models import User


class TokenForm(forms.Form):
    """A name, what the token may do, and for how long."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("It may"),
        choices=Scope.choices,
        initial=[Scope.READ],
        widget=forms.CheckboxSelectMultiple,
    )
    days = forms.IntegerField(
        label=gettext_lazy("Good for so many days"),
        min_value=1,
        max_value=MOST_DAYS,
        initial=DAYS,
    )


@require_http_methods(["GET", "POST"])
@login_required
@sensitive_variables("secret")
def tokens(request: HttpRequest) -> HttpResponse:
    """One's tokens, and a new one, whose text is in the answer to the form and nowhere else."""
    user = User.objects.get(pk=request.user.pk)
    form, secret, status = TokenForm(request.POST or None), "", 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            said = form.cleaned_data
            try:
                _token, secret = make_token(user, said["name"], said["scopes"], said["days"])
                form, status = TokenForm(), 200
            except TokenError as error:
                form.add_error(None, str(error))
    shown = {"form": form, "secret": secret, "tokens": Token.objects.filter(user=user)}
    return render(request, "api/tokens.html", shown, status=status)


@require_POST
@login_required
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Remove one of one's own tokens: it is not taken from now on."""
    token = get_object_or_404(Token, pk=token_id, user=request.user.pk)
    token.delete()
    messages.success(request, _("“%(name)s” is revoked.") % {"name": token.name})
    return redirect("tokens")
