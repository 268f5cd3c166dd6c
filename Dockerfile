FROM python:3.11-slim

RUN useradd --create-home --uid 10001 earshot && mkdir /data && chown earshot /data
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY index ./index
COPY crawlers ./crawlers
COPY nlp ./nlp
COPY dashboard ./dashboard
RUN pip install --no-cache-dir ".[cluster]"

USER earshot
ENV EARSHOT_HOME=/data
VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
ENTRYPOINT ["earshot"]
CMD ["run", "--host", "0.0.0.0", "--no-open"]
