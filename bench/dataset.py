"""The rows that every product serves: deterministic, the same for all, in any number.

Each row is computed from its number alone, so a run of 10,000 rows holds the first 10,000 rows of a run of
1,000,000, and search terms can be taken from rows without reading a database.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

COMPANY_COUNT = 10
PROJECT_COUNT = 200
PROJECTS_PER_COMPANY = PROJECT_COUNT // COMPANY_COUNT
PAGE_SIZE = 50

STAGES = ("enquiry", "visit", "subscription", "contract", "waiting", "living")
KINDS = ("person", "company")

_CITIES = ("上海", "杭州", "苏州", "南京", "宁波", "无锡", "合肥", "成都", "武汉", "西安")
_ESTATES = ("云庭", "江湾", "和苑", "东望", "锦园", "澜岸", "朗境", "春晓", "翠堤", "明湖")
_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
    "苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史"
)
_COMPOUND_SURNAMES = ("欧阳", "上官", "司马", "诸葛", "东方", "皇甫", "尉迟", "令狐")
_GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红文建国志海波宁辉力健永健世广义兴良山仁"
    "宏才清飞彬富顺信子昌成康星光天达安岩中茂进林有坚和彪博诚先敬震振壮会思群豪心邦承乐绍功松善厚"
    "庆若鸣朋斌梁栋维启克伦翔旭鹏泽晨辰士以家致树炎德行时泰盛雄琛钧冠策腾楠榕风航弘雨雪琳云梦岚苑"
    "婕馨瑗琰韵融园艺咏卿聪澜纯毓悦昭冰爽琬茗羽希欣飘育滢馥筠柔竹霭凝晓欢霄枫芸菲寒伊亚宜可姬舒影"
)
_PREFIXES = (
    "130",
    "131",
    "135",
    "136",
    "137",
    "138",
    "139",
    "150",
    "158",
    "159",
    "177",
    "180",
    "186",
    "188",
    "189",
    "199",
)
_FIRST_DAY = datetime(2020, 1, 1, tzinfo=UTC)
_SPAN_SECONDS = 6 * 365 * 24 * 3600
_MASK = (1 << 64) - 1
_TAILS = 100_000_000
_TAIL_FACTOR = 48_271_003
_TAIL_OFFSET = 12_345_678


class Project(NamedTuple):
    """A housing project of one city company."""

    id: int
    name: str
    company_id: int


class Customer(NamedTuple):
    """One customer row; `second_project_id` is set for one row in ten."""

    id: int
    name: str
    phone: str
    kind: str
    stage: str
    email: str
    company: str
    project_id: int
    second_project_id: int | None
    created_at: datetime
    updated_at: datetime


def mixed(number: int) -> int:
    """Sixty-four well mixed bits of a number (the finaliser of SplitMix64)."""
    z = (number * 0x9E3779B97F4A7C15 + 0x2545F4914F6CDD1D) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


class Dataset:
    """A number of customers in 200 projects of ten city companies.

    Args:
        rows: how many customers; a multiple of 200, so that every project has equally many.

    Raises:
        ValueError: when `rows` is no positive multiple of 200.
    """

    def __init__(self, rows: int) -> None:
        if rows <= 0 or rows % PROJECT_COUNT:
            raise ValueError(
                f"The number of rows must be a positive multiple of {PROJECT_COUNT}, not {rows}."
            )
        self.rows = rows
        self.companies = {number: f"{city}公司" for number, city in enumerate(_CITIES, start=1)}
        self.projects = [
            Project(
                id=number + 1,
                name=f"{_CITIES[company]}{_ESTATES[place % len(_ESTATES)]}{place + 1}期",
                company_id=company + 1,
            )
            for number in range(PROJECT_COUNT)
            for company, place in [divmod(number, PROJECTS_PER_COMPANY)]
        ]

    @property
    def limited_company_id(self) -> int:
        """The city company whose 20 projects are all that the limited user may see."""
        return 4

    @property
    def limited_project_ids(self) -> list[int]:
        """The 20 projects of the limited user."""
        return [project.id for project in self.projects if project.company_id == self.limited_company_id]

    def visible_rows(self, limited: bool) -> int:
        """How many customers a user sees."""
        return self.rows // COMPANY_COUNT if limited else self.rows

    def customers(self) -> Iterator[Customer]:
        """All customers in the order of their numbers."""
        return (self.customer(number) for number in range(1, self.rows + 1))

    def customer(self, number: int) -> Customer:
        """The customer with this number, from 1 to `rows`."""
        bits = mixed(number)
        index = number - 1
        project = self.projects[(index * 7919 + index // PROJECT_COUNT) % PROJECT_COUNT]
        second = None
        if bits % 10 == 0:
            first_of_company = (project.company_id - 1) * PROJECTS_PER_COMPANY
            second = first_of_company + (project.id - first_of_company) % PROJECTS_PER_COMPANY + 1
        kind, name = self._kind_and_name(bits >> 4)
        # The factor and 10^8 have no common divisor: no phone number appears twice.
        tail = (number * _TAIL_FACTOR + _TAIL_OFFSET) % _TAILS
        created = _FIRST_DAY + timedelta(seconds=_SPAN_SECONDS * index // 1_000_000 + bits % 86_400)
        return Customer(
            id=number,
            name=name,
            phone=f"{_PREFIXES[(bits >> 40) % len(_PREFIXES)]}{tail:08d}",
            kind=kind,
            stage=STAGES[(bits >> 44) % len(STAGES)],
            email=f"customer{number}@example.com",
            company=self.companies[project.company_id],
            project_id=project.id,
            second_project_id=second,
            created_at=created,
            updated_at=created + timedelta(days=(bits >> 50) % 300),
        )

    def with_phone(self, phone: str) -> Customer:
        """The customer who has this telephone number.

        Raises:
            LookupError: when nobody has it.
        """
        number = (int(phone[3:]) - _TAIL_OFFSET) * pow(_TAIL_FACTOR, -1, _TAILS) % _TAILS
        if 1 <= number <= self.rows and (customer := self.customer(number)).phone == phone:
            return customer
        raise LookupError(f"No customer has the telephone number {phone}.")

    @staticmethod
    def _kind_and_name(bits: int) -> tuple[str, str]:
        first = _GIVEN[(bits >> 8) % len(_GIVEN)]
        second = _GIVEN[(bits >> 17) % len(_GIVEN)]
        share = bits % 100
        if share < 2:
            return "company", f"{first}{second}公司"
        if share < 4:
            return "person", f"{_COMPOUND_SURNAMES[(bits >> 26) % len(_COMPOUND_SURNAMES)]}{first}{second}"
        # The square makes the first surnames frequent, as they are.
        rank = (bits >> 26) % 1024
        surname = _SURNAMES[rank * rank * len(_SURNAMES) // (1024 * 1024)]
        return "person", f"{surname}{first}" if share < 20 else f"{surname}{first}{second}"

    def sample(self, count: int, limited: bool) -> list[Customer]:
        """Customers spread over all rows, of those that the user may see.

        The limited user's samples serve the administrator too; a separate set keeps either user's terms varied.
        """
        company = self.companies[self.limited_company_id]
        found: list[Customer] = []
        step = max(1, self.rows // (count + 1))
        for position in range(count):
            number = position * step + 1
            while True:
                customer = self.customer((number - 1) % self.rows + 1)
                wanted = customer.kind == "person" and (not limited or customer.company == company)
                if wanted and customer not in found:
                    found.append(customer)
                    break
                number += 1
        return found

    def phone_fragments(self, count: int, limited: bool) -> list[str]:
        """Five digits from the middle of existing phone numbers."""
        return [customer.phone[4:9] for customer in self.sample(count, limited)]

    def short_names(self, count: int, limited: bool) -> list[str]:
        """The first two characters of existing names: surname and first character of the given name."""
        return [customer.name[:2] for customer in self.sample(count, limited)]
