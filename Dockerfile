# The site as it runs in production. The environment says the rest: see docker-compose.yml.

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin raffle
WORKDIR /site
COPY requirements.txt ./
RUN pip install --no-cache-dir --no-deps --require-hashes --requirement requirements.txt
COPY manage.py gunicorn.conf.py ./
COPY local local
COPY rafflesite rafflesite
COPY accounts accounts
COPY raffle raffle
COPY verify verify
COPY templates templates
COPY static static

# LOCAL=off: nothing is made up here, and a missing secret stops the start.
ENV LOCAL=off PYTHONUNBUFFERED=1 STATIC_ROOT=/site/var/static BIND=0.0.0.0:8000
# There is no git in here, so the commit is told from outside: it stands in every seal.
ARG SOFTWARE=unknown
ENV SOFTWARE=$SOFTWARE
# Collecting reads the settings but uses none of these values, and none of them stays.
RUN SECRET_KEY=unused DATABASE_URL=postgres://unused/unused EMAIL_URL=smtp://unused \
    ALLOWED_HOSTS=unused python manage.py collectstatic --noinput

USER raffle
EXPOSE 8000
# Asked by the name that the site answers to.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os; from urllib.request import Request, urlopen; \
         host = os.environ['ALLOWED_HOSTS'].split(',')[0].lstrip('.'); \
         urlopen(Request('http://127.0.0.1:8000/healthz', headers={'Host': host}), timeout=4)"]
CMD ["gunicorn", "--config", "gunicorn.conf.py", "rafflesite.wsgi"]
