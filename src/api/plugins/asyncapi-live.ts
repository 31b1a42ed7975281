/** /live in /asyncapi.json: what a WebSocket's client says, and what it is told. */
import type { TSchema } from "typebox";
import { LiveAnswer, LiveEvent, LiveProblem, LiveRequest } from "../schemas/live.ts";

const message = (name: string, summary: string, payload: TSchema) => ({
  name,
  title: name,
  summary,
  contentType: "application/json",
  payload,
});

export const liveMessages = {
  LiveRequest: message(
    "LiveRequest",
    "Follow these orders, products and categories from now on, or no longer.",
    LiveRequest,
  ),
  LiveEvent: message(
    "LiveEvent",
    "What is followed as a whole, at first and whenever it changes; positions only grow, and some may be left out. Of the products of a category what changes, from when it is followed.",
    LiveEvent,
  ),
  LiveAnswer: message("LiveAnswer", "It is followed, or no longer. What it is comes after this.", LiveAnswer),
  LiveProblem: message(
    "LiveProblem",
    "It is not followed, or the message was none; the connection goes on.",
    LiveProblem,
  ),
};

const names = Object.keys(liveMessages);
const ref = (path: string) => ({ $ref: `#/${path}` });

export const liveChannel = {
  address: "/live",
  summary: "Orders, products and categories that a client follows, over one WebSocket of an api",
  messages: Object.fromEntries(names.map((name) => [name, ref(`components/messages/${name}`)])),
  bindings: { ws: { method: "GET", bindingVersion: "0.1.0" } },
};

const told = names.filter((name) => name !== "LiveRequest");
const messagesOf = (some: readonly string[]) => some.map((name) => ref(`channels/live/messages/${name}`));

export const liveOperations = {
  takeLiveRequests: {
    action: "receive",
    channel: ref("channels/live"),
    description: "Answered one after another, each topic by itself.",
    messages: messagesOf(["LiveRequest"]),
  },
  tellLive: {
    action: "send",
    channel: ref("channels/live"),
    description:
      "Closed with 1001 `leaving` when the api stops, 1013 `slow_reader` when nothing was taken for too long, 1008 `too_many_messages`. " +
      "Come again with `after`, and nothing is told twice.",
    messages: messagesOf(told),
  },
};
