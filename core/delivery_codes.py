"""The codes by which a delivery's job says why it is not done, in words."""

_SENTENCES = {
    "peer_unreachable": "nothing answers at the peer's host and port",
    "association_rejected": "the peer rejects our association: see whether it knows our AE title",
    "association_lost": "the peer broke the association off",
    "no_answer": "the peer kept silent for too long",
    "context_refused": "the peer does not take this kind of object or its transfer syntax",
    "out_of_resources": "the peer is out of resources",
    "processing_failure": "the peer failed while it processed the object",
    "data_set_mismatch": "the peer says that the data set does not match its SOP class",
    "not_understood": "the peer cannot understand the object",
    "sop_class_refused": "the peer does not support the object's SOP class",
    "not_authorised": "the peer says that we may not store there",
    "store_refused": "the peer refuses the object",
    "waits_for_destination": "waits: the destination is down or busy",
    "not_committed": "the peer says that it has not stored the object",
    "commitment_refused": "the peer refuses requests for commitment",
    "commitment_failed": "the peer failed to take a request for commitment",
    "query_refused": "the peer refuses a query",
    "query_unbounded": "the peer answers a query for one object without end",
    "peer_not_configured": "no peer has that name any more",
    "report_unreadable": "the report's file cannot be read",
    "unreadable": "the report's file is damaged",
    "superseded": "a newer revision has taken its place",
    "called_off": "nobody needs it any more",
    "committed": "the peer has stored it for good",
    "unconfirmed": "sent, but the peer did not say whether it has stored it",
    "found_by_query": "sent; the peer lists it, but did not say that it has stored it for good",
    "worker_lost": "every worker that tried it was lost",
}


def sentence(code: str | None) -> str | None:
    """What a code says, with the peer's status where it has one; a code that is not known stands for itself."""
    if code is None:
        return None
    name, _, status = code.partition(":")
    said = _SENTENCES.get(name)
    if said is None:
        return code
    return f"{said} ({'reason' if name == 'not_committed' else 'status'} 0x{status})" if status else said
