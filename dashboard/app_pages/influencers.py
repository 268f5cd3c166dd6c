"""Who moves others: consumers people listen to (KOC), the well-known (KOL) apart, and one person's page."""

from __future__ import annotations

import streamlit as st

from dashboard import address, charts, drawers, filters, four_numbers, frame, queries, safe, words
from dashboard.cards import card, unbroken
from dashboard.folding import Card
from dashboard.words import t
from index.documents import Influence
from index.query import MentionQuery
from index.stores.protocol import AuthorStat

LOOKED_AT = 200  # authors the lists are made from
SHOWN = 12


def page() -> None:
    person = st.session_state["person"]
    if person:
        person_page(person)
        return
    query = filters.overview_query(filters.current_window())
    ranked = queries.top_authors(query, "koc", LOOKED_AT)
    consumers = [found for found in ranked if found.influence and found.influence.tier == "KOC"]
    st.caption(t("influencers.about"))
    if consumers:
        shortlist(consumers[:SHOWN])
    elif queries.newest() is None:
        frame.empty(t("overview.empty"), t("overview.empty_help"))
    else:
        longer = "" if st.session_state["period"] == "all" else t("influencers.none_longer")
        frame.empty(t("influencers.none"), t("influencers.none_help") + longer, icon=":material/campaign:")
    table_of("suspect", [found for found in ranked if found.influence and found.influence.tier == "suspect"])
    above = filters.overview_query(filters.current_window(), min_followers=queries.settings().koc.max_followers)
    well_known = queries.top_authors(above, "engagement", LOOKED_AT)
    table_of("KOL", [found for found in well_known if found.influence and found.influence.tier == "KOL"])


def shortlist(found: list[AuthorStat]) -> None:
    with st.grid("auto", min_column_width=330, gap="small"):
        for stat in found:
            with st.container(border=True, key=f"open-{stat.author.id}", gap="xsmall", height="stretch"):
                st.html(consumer(stat, posts_in_period(stat)))
                see(stat)


def see(stat: AuthorStat) -> None:
    st.page_link(
        "app_pages/influencers.py", label=t("influencers.see"), query_params=address.link(person=stat.author.id)
    )


def posts_in_period(stat: AuthorStat) -> str:
    period = t(f"period_name.{st.session_state['period']}")
    return t("influencers.posts_in", n=words.number(stat.mentions), period=period[0].lower() + period[1:])


def consumer(stat: AuthorStat, posts: str) -> str:
    """Score, its parts as small bars, one sentence: of all time and one brand, as its words say."""
    score = stat.influence
    assert score is not None, "the shortlist holds scored authors only"  # noqa: S101
    about_them = f'<span class="muted">{about(stat, posts)}</span>'
    return (
        f'<div class="head"><b>{safe.text(name_of(stat))}</b>{about_them}'
        f'<span class="right score">{score.score:.0f}</span></div>'
        f'<p class="small">{safe.text(sentence(score))}</p>{parts(score)}'
    )


def name_of(stat: AuthorStat) -> str:
    return stat.author.name or stat.author.handle or t("card.no_author")


def about(stat: AuthorStat, posts: str) -> str:
    """Platform, audience, posts, and whether a customer."""
    known = [
        words.name("platform", stat.author.id.partition(":")[0]),
        t("card.followers", n=words.number(stat.author.followers)) if stat.author.followers is not None else None,
        posts,
        t("card.customer") if stat.customer_id else None,
    ]
    return unbroken(filter(None, known))


def sentence(score: Influence) -> str:
    said = score.reason_zh if words.language() == "zh" else score.reason_en
    return t("influencers.of_brand", brand=score.brand, said=said) if len(four_numbers.own_brands()) > 1 else said


def parts(score: Influence) -> str:
    """Each part 0..1 as a bar, the strongest first."""
    ordered = sorted(score.parts.items(), key=lambda part: -part[1])
    return drawers.bars([(words.name("part", name), value, "accent") for name, value in ordered])


def table_of(tier: str, found: list[AuthorStat]) -> None:
    """KOL and suspicious accounts stand apart: their reach is not a consumer's."""
    if found:
        st.html(f'<h2 class="part">{t(f"influencers.{tier.lower()}")}</h2>')
        table(found[:SHOWN], tier)


def table(found: list[AuthorStat], tier: str) -> None:
    """A data frame: names from outside are cells, not markup."""
    rows = {
        t("influencers.who"): [name_of(stat) for stat in found],
        t("chart.platform"): [words.name("platform", stat.author.id.partition(":")[0]) for stat in found],
        t("influencers.audience"): [words.number(stat.author.followers) for stat in found],
        t("chart.mentions"): [words.exact(stat.mentions) for stat in found],
        t("influencers.engagement"): [words.number(stat.engagement) for stat in found],
        t("overview.net"): [words.signed(None if (n := stat.counts.net) is None else 100 * n) for stat in found],
    }
    event = st.dataframe(
        rows, hide_index=True, on_select="rerun", selection_mode="single-row", key=f"table-{tier}", height="content"
    )
    if event["selection"]["rows"]:
        address.choose(person=found[event["selection"]["rows"][0]].author.id)
        st.rerun()


def person_page(author_id: str) -> None:
    """Posts, their course, engagement, and purchases when the account is linked."""
    st.button(
        t("influencers.back"),
        icon=":material/arrow_back:",
        type="tertiary",
        on_click=address.clear,
        args=("person",),
    )
    stat = queries.author(author_id)
    if stat is None:
        frame.empty(t("influencers.gone"), t("cases.gone_help"), icon=":material/search_off:")
        return
    left, right = st.columns([1, 2], gap="medium")
    with left:
        portrait(stat)
    with right:
        posts(author_id)


def portrait(stat: AuthorStat) -> None:
    said = t("influencers.posts", n=words.number(stat.mentions))
    with st.container(border=True, gap="small"):
        if stat.influence:
            tier = words.name("tier", stat.influence.tier)
            st.html(f'<span class="label plain">{safe.text(tier)}</span>{consumer(stat, said)}')
        else:
            about_them = f'<span class="muted">{about(stat, said)}</span>'
            st.html(f'<div class="head"><b>{safe.text(name_of(stat))}</b>{about_them}</div>')
        st.html(
            safe.link(stat.author.url, t("influencers.profile"))
            or f'<span class="muted">{t("influencers.no_profile")}</span>'
        )
        purchases(stat)


def purchases(stat: AuthorStat) -> None:
    known = queries.customer(stat.customer_id) if stat.customer_id else None
    if known is None:
        st.caption(t("influencers.not_linked"))
        return
    spend, last = words.money(known.spend), words.when(known.last_order_at)
    st.html(f"<p>{safe.text(t('influencers.bought', n=words.exact(known.orders), spend=spend, last=last))}</p>")
    st.page_link(
        "app_pages/customers.py", label=t("case.see_customer"), query_params=address.link(customer=known.id)
    )


def posts(author_id: str) -> None:
    query = MentionQuery(authors=(author_id,))
    steps = queries.histogram(query, "day", words.zone().key)
    if steps:
        st.html(f'<h2 class="part">{t("influencers.course")}</h2>')
        st.altair_chart(charts.reach(steps), key="person-course")
    for hit in queries.mentions(query, limit=10).hits:
        with st.container(border=True, gap=None):
            st.html(card(Card(hit)))
    st.page_link(
        "app_pages/mentions.py", label=t("influencers.all_posts"), icon=":material/forum:",
        query_params=address.link(writer=author_id, period="all", spam="show"),
    )  # fmt: skip


page()
