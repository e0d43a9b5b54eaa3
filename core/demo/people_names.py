"""Made-up names, telephone numbers and identity numbers for demo data; nobody real is meant."""

from __future__ import annotations

import datetime as dt
import random

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘蔡蒋余杜叶程魏苏吕丁任沈姚卢"
)
RARE_SURNAMES = ("欧阳", "上官", "司徒", "諶", "逄", "亓")
GIVEN_ONE = "伟芳娜敏静丽强磊军洋艳勇杰娟涛明超霞平刚婷雪辉鹏玲浩宇欣怡晨阳琳琪轩睿泽喆昊玥珺翀"
GIVEN_TWO = "子梓思雨嘉佳文俊志建晓雅诗若一泽宇浩天海玉春秋美瑞永国家安心宁远之清明月云峰"
COMPANIES = (
    "深圳市启明贸易有限公司",
    "深圳市远航科技有限公司",
    "广东恒安置业投资有限公司",
    "深圳湾区文化传播有限公司",
)

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"


def person_name(chance: random.Random) -> str:
    """Return a Chinese name of two to four characters; one in thirty has a rare surname."""
    surname = chance.choice(RARE_SURNAMES) if chance.random() < 1 / 30 else chance.choice(SURNAMES)
    if chance.random() < 0.25:
        return surname + chance.choice(GIVEN_ONE)
    return surname + chance.choice(GIVEN_TWO) + chance.choice(GIVEN_ONE)


def mobile_number(serial: int) -> str:
    """Return an eleven-digit mobile number of a range that demo data keeps to itself, different for each serial."""
    return f"1990755{serial:04d}"


def identity_number(chance: random.Random, born_on: dt.date) -> str:
    """Return an ID card number with a right checksum (GB 11643) for a birthday."""
    body = f"440304{born_on:%Y%m%d}{chance.randint(1, 999):03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True))
    return body + _CHECK[total % 11]


def credit_code(serial: int) -> str:
    """Return a unified social credit code with a right checksum (GB 32100)."""
    from stdnum.cn import uscc

    body = f"91440300MA5{serial:06d}"
    return body + uscc.calc_check_digit(body)


def birthday(chance: random.Random, today: dt.date) -> dt.date:
    """Return the birthday of an adult between 24 and 68."""
    return today - dt.timedelta(days=chance.randint(24 * 366, 68 * 365))
