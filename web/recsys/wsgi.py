"""What gunicorn serves: `gunicorn web.recsys.wsgi`, by default with settings for production."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "web.recsys.settings.production")
application = get_wsgi_application()
