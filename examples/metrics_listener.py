"""What a client does, as metrics of OpenTelemetry: pass a `MetricsListener` as ``on_event``.

    async with AsyncMultiCart(on_event=MetricsListener(get_meter("shop"))) as client: ...

It needs opentelemetry-api. No attribute has ids, names or texts: they would be without number, and a text may be long.
"""

from opentelemetry.metrics import Meter

from multicart_async import events


class MetricsListener:
    """Counts retries, pauses, files, bytes and runs, and measures how long runs were waited for."""

    def __init__(self, meter: Meter) -> None:
        self.retries = meter.create_counter(
            "multicart.retries", description="calls and transfers that were tried again"
        )
        self.pauses = meter.create_counter("multicart.pauses", "s", "seconds for which the service asked for a pause")
        self.files = meter.create_counter("multicart.files", description="files, complete or failed")
        self.bytes = meter.create_counter("multicart.bytes", "By", "bytes of complete files")
        self.waits = meter.create_histogram(
            "multicart.run.wait", "s", "seconds from the begin of a wait to its run's end"
        )
        self.runs = meter.create_counter("multicart.runs", description="runs that were downloaded")
        self.skipped = meter.create_counter(
            "multicart.records.skipped", description="records that did not fit their class"
        )
        self.passes = meter.create_counter("multicart.sync.passes", description="calls of sync, complete or not")
        self.failures = meter.create_counter("multicart.sync.failures", description="runs and collections that failed")

    def __call__(self, event: events.Event) -> None:
        """Take an event. It must be quick: exporters work in threads of their own."""
        match event:
            case events.Retrying():
                self.retries.add(1, {"error.type": type(event.error).__name__})
            case events.RateLimited():
                self.pauses.add(event.seconds)
            case events.RunProgress(finished=True):
                self.waits.record(event.waited)
            case events.FileCompleted():
                self.files.add(1, {"outcome": "complete"})
                self.bytes.add(event.size)
            case events.FileFailed():
                self.files.add(1, {"outcome": "failed", "error.type": type(event.error).__name__})
            case events.RunDownloaded():
                self.runs.add(1)
            case events.RecordsSkipped():
                self.skipped.add(event.count)
            case events.SyncCompleted():
                self.passes.add(1, {"outcome": "complete" if event.report.ok else "incomplete"})
                self.failures.add(event.report.failed)
