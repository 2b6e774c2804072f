# The course with JupyterLab, as a normal user, from the same pins as everywhere. Untried: no container engine was at hand.
#   docker build -t interviews .                       (add: --build-arg TORCH=1 --build-arg TORCH_INDEX=address)
#   A class, in a container without network: EXTRAS=class, and the line in SECURITY.md.
#   docker run -p 127.0.0.1:8888:8888 -v "$PWD/mine:/home/learner/course" interviews
# The folder that is mounted is yours: work/, backups/ and progress.jsonl lie there. It has to be writable for user 1000.
FROM python:3.12-slim
ARG EXTRAS=
ARG TORCH=
ARG TORCH_INDEX=
COPY . /tmp/course
RUN pip install --no-cache-dir -c /tmp/course/constraints.txt "/tmp/course${EXTRAS:+[$EXTRAS]}" \
    && if [ -n "$TORCH" ]; then COURSE_TORCH_INDEX=$TORCH_INDEX PIP_NO_CACHE_DIR=1 course torch; fi \
    && rm -rf /tmp/course \
    && useradd --create-home --uid 1000 learner \
    && mkdir /home/learner/course && chown learner /home/learner/course
USER learner
ENV COURSE_HOME=/home/learner/course LANG=C.UTF-8
WORKDIR /home/learner/course
EXPOSE 8888
CMD ["course", "learn", "--no-browser", "--ip=0.0.0.0"]
