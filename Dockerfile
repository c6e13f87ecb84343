# Sentio, and the two one-shot helpers of the stack. Builds with BuildKit and without it.
#   docker build -t sentio .                    the service
#   docker build -t sentio-seed --target seed . the service, and promtool for `sentio seed`
FROM python:3.11.14-slim-bookworm AS build
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends binutils >/dev/null && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/sentio
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# First what seldom changes, so that a change of Sentio does not install all of it again.
COPY requirements-image.lock /src/
RUN /opt/sentio/bin/python -m pip install -q --require-hashes -r /src/requirements-image.lock
COPY pyproject.toml README.md LICENSE /src/
COPY sentio /src/sentio
# What goes again: setuptools and pip; what Prophet has for plots only, and rich for code and Markdown, which they do
# without; tests, sources and headers; NumPy's for Fortran and Numba's for graphics cards; of Stan, whose compiler only has
# to be there, all but Prophet's compiled model; AVIF pictures; and, of four large libraries, the names for debuggers, which
# strip takes off. Not of all: some that were changed after linking do not load then, so what was stripped is tried.
# Everything is compiled here, for the running container cannot write it. Of matplotlib's fonts one stays, with Latin, Greek and
# Cyrillic letters: Pillow's own has none beyond ASCII.
RUN /opt/sentio/bin/python -m pip install -q --no-deps /src \
 && /opt/sentio/bin/python -m fontTools.subset \
      "$(/opt/sentio/bin/python -c 'import matplotlib; print(matplotlib.get_data_path())')/fonts/ttf/DejaVuSans.ttf" \
      --unicodes=U+20-24F,U+370-4FF,U+2010-2026,U+20AC --name-IDs='*' --layout-features= --no-hinting \
      --output-file=/opt/DejaVuSans.ttf \
 && /opt/sentio/bin/python -m pip uninstall -q -y matplotlib contourpy cycler fonttools kiwisolver pyparsing \
      pygments markdown-it-py mdurl setuptools pip \
 && cd /opt/sentio/lib/python3.11/site-packages \
 && find . -type d -name tests -prune -exec rm -rf {} + \
 && rm -rf numpy/f2py numba/cuda \
 && find . -type f -regex '.*\.\(o\|a\|h\|hpp\|d\|pyi\|pyx\|pxd\)' -delete \
 && find prophet/stan_model -type f ! -name prophet_model.bin ! -name makefile ! -name stanc -delete \
 && truncate -s 0 prophet/stan_model/cmdstan-*/bin/stanc \
 && rm -f PIL/_avif.*.so pillow.libs/libavif-* \
 && strip --strip-unneeded llvmlite/binding/libllvmlite.so PIL/_imaging.*.so regex/_regex.*.so yaml/_yaml.*.so \
 && /opt/sentio/bin/python -c 'import llvmlite.binding, PIL._imaging, regex, yaml._yaml' \
 && /opt/sentio/bin/python -m compileall -q .

FROM python:3.11.14-slim-bookworm AS base
COPY --from=build /opt/sentio /opt/sentio
COPY --from=build /opt/DejaVuSans.ttf /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
ENV PATH=/opt/sentio/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN mkdir -p /var/lib/sentio && chown 10001:10001 /var/lib/sentio
WORKDIR /var/lib/sentio
USER 10001:10001
ENTRYPOINT ["sentio"]

FROM prom/prometheus:v3.5.0 AS prometheus

FROM base AS seed
USER root
COPY --from=prometheus /bin/promtool /usr/local/bin/promtool
# A new volume takes its owner from the folder that it is mounted on; this is Prometheus's.
RUN mkdir /prometheus && chown 65534:65534 /prometheus
USER 65534:65534
CMD ["seed", "/prometheus", "--workload", "/usr/share/sentio/workload"]

FROM base AS sentio
# Compiled for the processor that builds; another one compiles anew, into the volume, which starts with a copy of these.
ENV NUMBA_CACHE_DIR=/var/lib/sentio/kernels
RUN sentio warmup
COPY examples/stack.yml /etc/sentio/sentio.yml
EXPOSE 8000
VOLUME /var/lib/sentio
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/-/ready', timeout=2)"]
CMD ["serve", "--config.file=/etc/sentio/sentio.yml"]
