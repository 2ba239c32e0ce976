# The reference project's image: one for web, exporter, worker, beat and migrations.
FROM python:3.11-slim AS build
WORKDIR /build
RUN python -m venv /venv
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY monitoring monitoring
COPY multiprocess_exporter multiprocess_exporter
RUN /venv/bin/pip install --no-cache-dir --constraint constraints.txt ".[project]"

FROM python:3.11-slim
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PROMETHEUS_MULTIPROC_DIR=/run/metrics
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin app \
    && install --directory --owner app --mode 0700 /run/metrics /site /site/var
WORKDIR /site
COPY --from=build /venv /venv
COPY manage.py gunicorn.conf.py ./
COPY project project
USER 10001
EXPOSE 8000 9464
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/api/health/live/', timeout=2)"]
CMD ["gunicorn", "--config", "gunicorn.conf.py"]
