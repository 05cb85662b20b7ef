"""Mails: jobs of the pipeline `mail`, each written once and handed over at most once.

The story of a mail:

1. It is ordered (`order`): a job is stored, in the transaction of what it reports. Its key makes it one mail.
2. The job's first step writes it: a row, `ready`, with the Message-ID that it keeps at every try.
3. It is marked `sending`, and that is committed; then the mail server gets it; then it is marked `sent`.
   Without a mail server it is written down instead and marked `unsent`, and its job ends with a warning.
4. A mail that the server refuses, or never received, is certain: `refused`, or `ready` again and tried later.
5. A mail that a later attempt finds `sending`, or that was under way when the connection broke, may have arrived: it is
   `unknown`, its job has failed, and nothing sends it again. A person may (`requests.send_again`).
"""

from core.mails.ends import mailed_from, order_end_mails, order_pending_mails
from core.mails.orders import ended_key, order

__all__ = ["ended_key", "mailed_from", "order", "order_end_mails", "order_pending_mails"]
