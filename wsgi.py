"""The WSGI entry point: `gunicorn wsgi:app`, `flask --app wsgi …`."""

from dashboard.app import create_app

app = create_app()
