# mypy: disable-error-code="top-level-await, syntax"
# %% [markdown]
# # Price history of a collection
#
# The cells of a notebook, in a file that Git can compare: open it in VS Code, PyCharm or Spyder, or convert it by
# `jupytext --to notebook examples/price_history.py`. It needs `pip install 'multicart-async[parquet]' pandas matplotlib`,
# and the key in `MULTICART_API_KEY` (set it before Jupyter is started, not in a cell: notebooks are passed on).
#
# Nothing here costs credits unless `START` is `True`. See docs/notebooks.md.

# %%
import asyncio
from datetime import date

import matplotlib.pyplot as plt
import pandas as pd
import pyarrow as pa

from multicart_async import AsyncMultiCart
from multicart_async.tables import amount, batches, changes

MIRROR = "mirror"  # a folder, which grows
START = False  # True: the cell below starts a run today, for a credit for each item

client = AsyncMultiCart()

# %%
collections = await client.collections.list()
pd.DataFrame([{"id": each.id, "name": each.name, "items": each.asin_count} for each in collections])

# %%
collection_id = collections[0].id

# %% [markdown]
# This cell may cost credits. The journal makes it safe to run again: what was started today is not started twice.

# %%
if START:
    journal = f"started-{collection_id}-{date.today()}.jsonl"  # noqa: DTZ011 -- the day of the person who reads this
    async for outcome in client.runs.run_many([collection_id], journal=journal):
        print(outcome.key, "failed: " + str(outcome.error) if outcome.error else "finished")

# %%
report = await client.sync(MIRROR, collections=[collection_id], runs="all")
print(f"{report.runs} runs were fetched, {report.skipped} were there, {len(report.failures)} failed")


# %%
def read() -> pd.DataFrame:
    """Read all runs: it blocks, so it is done in a thread."""
    fields = ["asin", "title", "price", "availability"]
    table = batches(MIRROR, collections=[collection_id], runs="all", columns=fields)
    return pa.table(table).to_pandas()


records = await asyncio.to_thread(read)
records["amount"] = records["price"].map(amount).astype(float)  # no number where the text is not surely one
records.tail()

# %% [markdown]
# What has changed from the run before to the newest one. It takes two runs.

# %%
differences = [change.to_dict() async for change in changes(MIRROR, collection_id, fields=["price", "availability"])]
pd.DataFrame(differences, columns=["kind", "key", "field", "old", "new"])

# %%
history = records.pivot_table("amount", "scraped_at", "asin", "last")
usual = history / history.median()  # so that cheap and dear items share one scale
axes = usual.plot(figsize=(9, 4.5), marker="o", drawstyle="steps-post", xlabel="", ylabel="price / median price")
axes.set_title(f"Prices in collection {collection_id}")
axes.legend(title="", loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %%
await client.aclose()
