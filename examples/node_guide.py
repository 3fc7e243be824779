"""Do the five steps of the service's guide "Integrate with Node.js" with this library.

    MULTICART_API_KEY=... python examples/node_guide.py

The guide's post() helper, polling loop and file download are not needed here. The client raises an error when the
service rejects a call, waits for the run that it started (never an older one), and reads pages without holding them in
memory.
"""

import argparse
import asyncio
import json
import sys
from itertools import count

from multicart_async import AsyncMultiCart, MultiCartError, PollPolicy
from multicart_async.models import Run

ASINS = ("B0DJQQ38TG", "B0ABC12345", "B0XYZ99999")
PATIENCE = PollPolicy(poll_interval=10, growth=1, wait_timeout=600)  # as in the guide: every 10 s, for 10 minutes


async def main(*, policy: PollPolicy = PATIENCE) -> Run:
    """The finished run."""
    async with AsyncMultiCart() as client:
        # 1. Create a collection. It is a draft until it has items.
        collection = await client.collections.create("Node.js Example Collection", notification_email="ops@example.com")
        print("Created collection", collection.id)

        # 2. Add ASINs; domain and postcode are names, not ids.
        added = await client.asins.create_many(collection.id, ASINS, domain="amazon.com.au", postcode="4500")
        print(f"Inserted {added.success_count} ASINs; {len(added.error_rows)} skipped")

        # 3. Run it: with fewer credits than items this is an InsufficientCreditsError.
        started = await client.runs.start(collection.id)

        # 4. Wait for this run.
        run = await client.runs.wait(started, policy=policy)
        print(f"Run {run.id} complete: {run.total_results} results")

        # 5. Read the result: every page, not only the first.
        counter = count()
        async for record in client.runs.records(run):
            if not next(counter):
                print("First record:", json.dumps(record, indent=2))
        print(f"Downloaded {next(counter)} product records")
    return run


if __name__ == "__main__":
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.parse_args()
    try:
        asyncio.run(main())
    except MultiCartError as error:
        sys.exit(str(error))  # one line on standard error, and the exit status 1
    except KeyboardInterrupt:
        sys.exit(130)
