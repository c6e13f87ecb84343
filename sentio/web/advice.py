"""What each alert of prometheus/rules means, and what to do about it.

The texts are plain. What stands in backquotes is shown as code.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """Something to look at, and how: in PromQL, or with a command."""

    text: str
    query: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """What there is to say of one alert. ``tune``: when to change the rule, or the configuration."""

    alert: str
    means: str
    look: tuple[Look, ...]
    causes: tuple[str, ...]
    do: tuple[str, ...]
    tune: tuple[str, ...]


SECTIONS = (
    Section(
        "SentioAnomaly",
        "Sentio has had a series at its level warning, or critical, for half a minute: it is not as expected. Unless "
        "the pipeline's `alerts` say otherwise, that is a score above 1, and it ends five samples after the last one. "
        "A series that has stopped is SentioSeriesMissing, not this.",
        (
            Look("What it looks like: one of ten types.", query="sentio_anomaly_type == 1"),
            Look("How strange: the more above 1, the stranger.", query="sentio_anomaly_score > 1"),
            Look("In which direction, and how far.", query="(sentio_value - sentio_yhat) and sentio_alert_level >= 2"),
            Look("Alone, or together with others?", query="count by (query) (sentio_alert_level >= 2)"),
            Look("Was it like that a week ago?", query="sentio_value offset 1w"),
            Look("The page shows the last samples of each series in their band, the worst first."),
        ),
        (
            "The load has really changed: a fault, a new release, more or fewer users.",
            "A recurring job, or a holiday, that the history is too short to hold: a daily season needs two days of "
            "history, a weekly one two weeks.",
            "Chance: `judgement.false_alarms` allows one a week of each series, so a hundred have fourteen a day.",
            "A series that is young: what is usual is known of what little was seen.",
        ),
        (
            "Ask whoever runs what is watched. Sentio says that it is unusual, not that it is bad.",
            "Where the new level is to stay, silence the alert: after `judgement.accept_after`, a day unless "
            "configured, it is what is expected.",
        ),
        (
            "Too many of a pipeline: fewer `judgement.false_alarms`, such as 1/month, which costs small anomalies.",
            "What is too small to matter, or good news: `judgement.min_deviation`, `judgement.direction`.",
            "Only what lasts, or only gross ones: `alerts` of the pipeline, `score > 1 for 3 of 5` or `score > 3`. "
            "What is to be urgent belongs in their `critical`: this alert has the severity of the level.",
            "Known days or periods: `holidays`, `timezone`, `seasonalities`.",
            "Where Sentio itself sends its alerts to Alertmanager, take this rule out: it would be told twice.",
        ),
    ),
    Section(
        "SentioSeriesMissing",
        "A series that was expected has stopped: more of its samples are missing than usually are, and its alert is of "
        "the type missing; or nobody judges it, and it has sent none for a minute. This has the severity of the level. "
        "It ends when the series is back, and also when its time to live (`ttl`, 5 minutes unless configured) is over: "
        "then nothing is expected of it any more.",
        (
            Look("Which series, and what was expected of them.", query="sentio_yhat unless sentio_value"),
            Look(
                "All of a pipeline? Then it is the source: see SentioDatasourceDown.", query="sentio_datasource_up == 0"
            ),
            Look("Whether its exporter can be scraped.", query="up == 0"),
            Look("Whether it runs.", command="docker ps -a    # or: kubectl get pods -A"),
            Look("How many have been let go.", query="sum by (query) (increase(sentio_series_vanished_total[1h]))"),
        ),
        (
            "The container, or its exporter, has stopped.",
            "It has other labels than before, a new pod's name for instance: what is gone is missing, what is new is "
            "learned from the start.",
            "Samples that arrive late: what is younger than `score.delay` is left for the next tick, what is later "
            "than that is never judged.",
        ),
        (
            "Bring it back. Within `train.ttl` (a day unless configured) it still has its model and is judged at once.",
            "Where it was stopped on purpose there is nothing to do: the alert ends with the time to live.",
        ),
        (
            "Labels that change with every deployment: aggregate them away in the `query`, as "
            "`max by (container_name) (…)` does.",
            "Samples that arrive late: raise `score.delay`.",
            "Series that come and go by nature: `score > 1 and abs(value) >= 0` in the pipeline's `alerts` rings for "
            'what has a value alone, and the rules can leave it out, `sentio_yhat{query!="batch"}`.',
            "It is to ring for longer: raise `ttl`. With one below two minutes it hardly rings at all.",
        ),
    ),
    Section(
        "SentioDown",
        "Prometheus cannot scrape Sentio, or has no scrape job `sentio`. Until it can, do not rely on any other alert "
        "of this page.",
        (
            Look("Down, or not even a target?", query='up{job="sentio"}'),
            Look("Whether it runs.", command="docker compose ps sentio    # or: kubectl get pods"),
            Look("Its last words.", command="docker compose logs sentio    # or: kubectl logs deployment/sentio -p"),
            Look("Whether it answers.", command="curl http://localhost:8000/-/ready"),
        ),
        (
            "It has ended. Exit code 2: the configuration is refused, and the log has every problem. 1: it could not "
            "run, as the port is taken or the store cannot be opened. 137: it was killed, often for want of memory.",
            "The scrape job has another name, another address, or a `scrape_timeout` that is too short.",
            "The network between the two.",
        ),
        (
            "After exit code 2: correct what `sentio check` says, and start it.",
            "After 137: give it more memory, fewer `executor.workers`, or fewer series.",
            "Started again, it publishes the last bands from its store at once. What came in the meantime is learned "
            "from, and not judged.",
        ),
        ("A scrape job of another name: put that name into the rule.",),
    ),
    Section(
        "SentioDatasourceDown",
        "The last reads of a pipeline failed, for two minutes. Bands and forecasts stand for the time to live (`ttl`), "
        "then they vanish.",
        (
            Look(
                "Why, in one word.",
                query='sum by (query, outcome) (increase(sentio_reads_total{outcome!="ok"}[10m])) > 0',
            ),
            Look("The page has the whole text on the pipeline's card; the log has it once, when it began."),
            Look(
                "How long reads take.",
                query="histogram_quantile(0.9, sum by (query, le) (rate(sentio_read_duration_seconds_bucket[15m])))",
            ),
            Look("Whether Prometheus answers, from where Sentio runs.", command="curl http://prometheus:9090/-/ready"),
        ),
        (
            "`unreachable`: it is down, restarts, or has another address.",
            "`timeout`: it is slow, or the query is too heavy for `timeout`.",
            "`auth`, `tls`: a password, token or certificate that is not accepted any more.",
            "`bad_query`, `not_found`: the query, or the path in `url`, is refused.",
            "`throttled`, `server_error`: it is overloaded, or a proxy in front of it is.",
            "`max_bytes`: the answer has become too large. `redirect`, `not_json`, `bad_answer`: something else "
            "answers there.",
        ),
        (
            "Mend the source. Nothing is to be done to Sentio afterwards: up to 1,000 steps, or a million samples, are "
            "judged late, and the history is filled at the next training.",
            "Passwords and tokens in `password_file` and `bearer_token_file` are read anew for each request; after a "
            "change of a variable or file of `!env` or `!file`, send SIGHUP.",
        ),
        (
            "A slow source: a longer `timeout`, a recording rule for the query, or a longer `step`.",
            "A large answer: aggregate more, or raise `max_bytes`.",
            "A source that restarts often: a longer `for` in the rule; the bands stand for the `ttl`.",
        ),
    ),
    Section(
        "SentioForecastStale",
        "The newest sample of a pipeline is older than five minutes, or its oldest model in use older than six hours. "
        "A model older than `train.ttl` (a day unless configured) is not used: its series has a value, and no band.",
        (
            Look("Samples?", query="sentio_data_age_seconds > 300"),
            Look("Or models?", query="sentio_model_age_seconds > 6 * 3600"),
            Look(
                "How the ticks ended.",
                query='sum by (query, tick, outcome) (increase(sentio_ticks_total{outcome!="ok"}[1h])) > 0',
            ),
            Look("Trainings that did not come to their end.", query="sentio_train_progress_ratio < 1"),
            Look("What the fits gave.", query="sum by (query, state) (increase(sentio_fits_total[2h])) > 0"),
            Look(
                "Answers that are never learned from.",
                query="sum by (query) (increase(sentio_partial_answers_total[1h])) > 0",
            ),
            Look(
                "Pipelines that no series arrives for: their query is to be looked at.",
                query="sum by (query) (sentio_series) == 0",
            ),
        ),
        (
            "Samples: what is scraped has stopped, the query no longer matches it, or the ticks do not end.",
            "Models: training fails, or takes longer than `train.every`. Reads of the history fail, where those of "
            "single samples succeed. Fits fail, and the models from before are kept. Every answer is partial.",
        ),
        (
            "Where reads fail, see SentioDatasourceDown; where ticks are abandoned, SentioTicksSkipped; where fits "
            "fail, SentioSeriesLeftOut.",
            "Partial answers: the log has the source's warning.",
        ),
        (
            "A `train.every` longer than an hour: put six times that in place of the six hours.",
            "Samples that come less than every five minutes: raise the 300, and the `ttl`.",
        ),
    ),
    Section(
        "SentioCoverageLow",
        "For a day the bands of a pipeline have held less of its samples, on average over its series, than they are to "
        "hold: `interval_width`, 99 % unless configured, and 2 % less than that. Flags do not follow the band, and are "
        "as rare as ever.",
        (
            Look("Which series.", query="bottomk(10, sentio_forecast_coverage_ratio)"),
            Look("Whether they are off to one side.", query="sentio_forecast_bias"),
            Look("Whether something has lasted.", query="sentio_alert_level >= 2"),
            Look("Whether the models are old.", query="sentio_model_age_seconds > 6 * 3600"),
        ),
        (
            "What is watched has become less regular, and the bands have not followed yet.",
            "Incidents that last: what was flagged is not learned from.",
            "Young series: their errors are not known yet.",
        ),
        (
            "Where many series had an incident, see to that; the ratio is of about a day, and follows.",
            "Where it stays, let the models see what is regular: `timezone`, `holidays`, `seasonalities`.",
        ),
        (
            "Series that hardly keep still: raise the 0.02.",
            "Bands wider than the errors ask for: `judgement.scale`.",
        ),
    ),
    Section(
        "SentioForecastFallback",
        "For an hour more than half of the series of a pipeline have had seasonal naive in place of their model, which "
        "was no better for a whole day. They are judged as ever, by what came a day before.",
        (
            Look("How many, by pipeline.", query="sum by (query) (sentio_forecast_fallback)"),
            Look("How far the models are behind: below 0 they are worse.", query="sentio_forecast_skill_ratio < 0"),
            Look("Whether the models are old.", query="sentio_model_age_seconds > 6 * 3600"),
            Look("How the fits ended.", query="sum by (query, state) (increase(sentio_fits_total[1d])) > 0"),
        ),
        (
            "The series changed, all at once, and the models are of what was before.",
            "A trend or season that the model cannot have: `growth`, `seasonalities`.",
            "There is nothing to forecast: flat series with noise have no model that is better.",
        ),
        (
            "After a change that stays there is nothing to do: the models come back once they have won for a day.",
            "Where trainings fail or are late, see SentioForecastStale.",
        ),
        (
            "A shorter `train.window` forgets sooner what was before; a larger `changepoint_prior_scale` bends sooner.",
            "Flat series for which this is right: leave their pipeline out of the rule.",
        ),
    ),
    Section(
        "SentioTicksSkipped",
        "In the last quarter of an hour a tick was abandoned at its deadline, or skipped as the one before still ran. "
        "`score` reads and judges new samples, `train` fits.",
        (
            Look(
                "Which, and how often.",
                query='sum by (query, tick, outcome) (increase(sentio_ticks_total{outcome!="ok"}[15m])) > 0',
            ),
            Look(
                "How long they take.",
                query="histogram_quantile(0.9, sum by (query, tick, le) "
                "(rate(sentio_tick_duration_seconds_bucket[1h])))",
            ),
            Look(
                "How much of it is reading.",
                query="histogram_quantile(0.9, sum by (query, le) (rate(sentio_read_duration_seconds_bucket[1h])))",
            ),
            Look("Fits that wait or are under way.", query="sentio_executor_queue_size"),
            Look("How busy the machine is.", command="docker stats --no-stream    # or: kubectl top pods"),
        ),
        (
            "`score`: the source is slow, or the answer is large.",
            "`train`: more series than there is time for. It takes series · seconds a fit / workers, 0.2 to 1 s a fit.",
            "Too few cores, or a limit on them; something else takes them.",
        ),
        (
            "`score`: a longer `score.every`, a cheaper query, a faster source.",
            "`train`: a longer `train.every`, a smaller `train.max_points`, more cores. What was fitted until the "
            "deadline is in use.",
            "Leave one core to scoring and scrapes, with `executor.workers`.",
        ),
        ("Once a day, during a backup say, and harmless: raise the 0 of the rule.",),
    ),
    Section(
        "SentioAlertsNotDelivered",
        "Alerts of Sentio do not reach a receiver: reports were given up or let go in the last half hour, or one has "
        "been tried again and again for five minutes. The series are watched as ever; it is the messages that fail.",
        (
            Look(
                "How many, and why.",
                query='sum by (sink, outcome) (increase(sentio_sink_deliveries_total{sink!="exposition", '
                'outcome!="ok"}[30m])) > 0',
            ),
            Look("How many wait.", query="sentio_sink_queue_size > 0"),
            Look("What the receiver says stands in the log, once until it changes.", command="sentio notify"),
        ),
        (
            "`unreachable`, `timeout`, `server_error`: the receiver is down, or the way to it is.",
            "`auth`, `not_found`: a password, a token or a webhook that is not valid any more.",
            "`refused`: the receiver does not take such a message; the log has its words.",
            "`throttled`: more messages than it takes.",
        ),
        (
            "Where it is down: see to it. What waits is sent when it is back, unless it is older than `retry_for`.",
            "Where it refuses: correct the configuration, and try it with `sentio notify`. What was refused is lost.",
            "Too many messages: raise `min_level`, or send to an Alertmanager, which groups them.",
        ),
        ("A receiver that is away for long now and then: a longer `for`.",),
    ),
    Section(
        "SentioReloadFailed",
        "The configuration was changed, and the new one is refused. Sentio goes on with the old one. A restart would "
        "fail with exit code 2, so correct it first.",
        (
            Look(
                "Every problem, with file and line.",
                command="docker compose logs sentio | grep refused    # or: kubectl logs deployment/sentio",
            ),
            Look("The same, without Sentio.", command="sentio check sentio.yml"),
            Look(
                "How many seconds ago one was accepted.",
                query="time() - sentio_config_last_reload_success_timestamp_seconds",
            ),
        ),
        (
            "A typing error; an option that does not exist, or is out of its range.",
            "A variable of `!env` that is not set, or a file of `!file` that cannot be read.",
            "A file that was only half written when it was read.",
        ),
        (
            "Correct it: the text of the files is looked at every 30 s. Or send SIGHUP, which is needed where only a "
            "variable or a file of `!env` or `!file` was wrong.",
            "Let `sentio check` look at each change before it is rolled out.",
        ),
        ("There is no reason to: an accepted configuration ends the alert at once.",),
    ),
    Section(
        "SentioSeriesLeftOut",
        "In the last half hour a pipeline left series out: they could not be read, fitted or published. All others "
        "go on.",
        (
            Look(
                "How many, and why.",
                query="sum by (query, reason) (increase(sentio_series_failures_total[30m])) > 0",
            ),
            Look(
                "Of which the published labels are those of another.",
                query='increase(sentio_sink_deliveries_total{outcome="duplicate_labels"}[30m]) > 0',
            ),
            Look(
                "The page has the first of them on the pipeline's card, and those whose fit failed in the state "
                "`failed`. Of equal labels the log tells."
            ),
        ),
        (
            "`max_series`: the answer has more series than the source's `max_series`.",
            "`unknown_metric`: the query names a metric that Prometheus does not have; the page says which are near.",
            "`fit`: the fit failed, or its worker was killed twice, for want of memory as a rule.",
            "`duplicate`: one label set, twice in an answer. `histogram`: a native histogram.",
            "`duplicate_labels`: two series whose labels are equal once published.",
        ),
        (
            "`max_series`: aggregate in the query, or raise it, and see to memory and cores.",
            "`unknown_metric`: correct the query, or start the exporter that has the metric.",
            "`fit`: the reason is beside the series on the page. For want of memory: fewer `executor.workers`.",
            "`duplicate`, `duplicate_labels`: a query whose series differ in their labels.",
            "`histogram`: `histogram_quantile(0.9, …)` of it makes it a number.",
        ),
        ("What is left out on purpose: narrow the query, so that it is not in the answer.",),
    ),
)
