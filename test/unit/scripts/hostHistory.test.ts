import { expect, test } from "vitest";

import { parseHistory } from "../../../scripts/lib/hostHistory";

/** As `helper history` prints it. */
const ANSWER = [
  "current\tshop/prod\t2222222222222222\tbbbb\t2026-01-22T22:14:39+0100\treturned",
  "kept\t2222222222222222\tshop/prod",
  "kept\t1111111111111111\tshop/old",
  "update\t2026-01-20T10:00:00+0100\t1111111111111111\taaaa\tshop/prod\tmia\t0123456789ab+\tconfirmed\t+/etc/a +shop.service -/etc/b \t-\t1",
  "update\t2026-01-21T10:00:00+0100\t3333333333333333\tcccc\tshop/prod\tbob\u001b[31m\t-\trolled-back\t~/etc/a \tshop.service didn't start\t2",
  "update\t2026-01-22T10:00:00+0100\t2222222222222222\tbbbb\tshop/prod\tmia\t-\treturned\t-\t-\t3",
  "",
].join("\n");

test("what is confirmed, what is kept and what became of every update, the newest first", () => {
  const history = parseHistory(ANSWER);
  expect(history.current).toEqual({
    ...{ stack: "shop/prod", revision: "2222222222222222", id: "bbbb" },
    ...{ time: "2026-01-22T22:14:39+0100", isReturned: true },
  });
  expect(history.kept).toEqual([
    { revision: "2222222222222222", stack: "shop/prod" },
    { revision: "1111111111111111", stack: "shop/old" },
  ]);
  expect(history.updates.map(({ result }) => result)).toEqual(["returned", "rolled-back", "confirmed"]);
  expect(history).not.toHaveProperty("open");
});

test("an update's changes are names with what became of them, and a rollback has a reason", () => {
  const [returned, failed, first] = parseHistory(ANSWER).updates;
  expect(first?.changes).toEqual([
    { kind: "added", name: "/etc/a" },
    { kind: "added", name: "shop.service" },
    { kind: "removed", name: "/etc/b" },
  ]);
  expect(failed?.reason).toBe("shop.service didn't start");
  expect(returned).toMatchObject({ changes: [] });
  expect(returned).not.toHaveProperty("reason");
});

test("what a host says can't drive the terminal", () => {
  expect(parseHistory(ANSWER).updates[1]?.user).toBe("bob[31m");
});

test("a host that has nothing has an empty history", () => {
  expect(parseHistory("")).toEqual({ isReleased: false, kept: [], updates: [] });
  expect(parseHistory("open\t1111111111111111\nreleased\n")).toMatchObject({
    open: "1111111111111111",
    isReleased: true,
  });
});
