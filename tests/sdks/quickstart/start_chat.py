# The Python chat quickstart of October 2020, its blocks in its order. Filled in:
# the placeholders in angle brackets, and the user and token that its
# prerequisites ask for, as the access token page made them. Added: the lines
# that say `step`, which hand what a block left behind to beside.py.
import os
# Add required client library components from quickstart here
from beside import step

try:
    # Quickstart code goes here

    # -- Prerequisites: a user access token ---------------------------------
    from azure.communication.administration import CommunicationIdentityClient

    connection_string = os.environ['COMMUNICATION_SERVICES_CONNECTION_STRING']
    identity_client = CommunicationIdentityClient.from_connection_string(connection_string)
    user = identity_client.create_user()
    token_result = identity_client.issue_token(user, ["chat"])

    step('access_token', identity_client=identity_client, user=user, token_result=token_result)

    # -- Create a chat client -----------------------------------------------
    from azure.communication.chat import ChatClient, CommunicationUserCredential

    endpoint = connection_string.split(';')[0].partition('=')[2]
    chat_client = ChatClient(endpoint, CommunicationUserCredential(token_result.token))

    step('create_chat_client', chat_client=chat_client, endpoint=endpoint)

    # -- Start a chat thread ------------------------------------------------
    from datetime import datetime
    from azure.communication.chat import ChatThreadMember

    topic="test topic"
    thread_members=[ChatThreadMember(
        user=user,
        display_name='name',
        share_history_time=datetime.utcnow()
    )]
    chat_thread_client = chat_client.create_chat_thread(topic, thread_members)

    step('create_chat_thread', chat_client=chat_client, chat_thread_client=chat_thread_client, user=user, topic=topic)

    # -- Get a chat thread client -------------------------------------------
    thread_id = chat_thread_client.thread_id
    chat_thread_client = chat_client.get_chat_thread_client(thread_id)

    step('get_chat_thread_client', chat_thread_client=chat_thread_client, thread_id=thread_id)

    # -- Send a message to a chat thread ------------------------------------
    from azure.communication.chat import ChatMessagePriority

    content='hello world'
    priority=ChatMessagePriority.NORMAL
    sender_display_name='sender name'

    send_message_result = chat_thread_client.send_message(content, priority=priority, sender_display_name=sender_display_name)

    step('send_message', chat_thread_client=chat_thread_client, send_message_result=send_message_result, user=user)

    # -- Receive chat messages from a chat thread ---------------------------
    chat_messages = chat_thread_client.list_messages()

    step('list_messages', chat_messages=chat_messages, send_message_result=send_message_result)

    # -- Add a user as member to the chat thread ----------------------------
    new_user = identity_client.create_user()

    from azure.communication.chat import ChatThreadMember
    from datetime import datetime
    member = ChatThreadMember(
        user=new_user,
        display_name='name',
        share_history_time=datetime.utcnow())
    thread_members = [member]
    chat_thread_client.add_members(thread_members)

    step('add_members', chat_thread_client=chat_thread_client, user=user, new_user=new_user)

    # -- Remove user from a chat thread -------------------------------------
    chat_thread_client.remove_member(user)

    step('remove_member', chat_thread_client=chat_thread_client, identity_client=identity_client, endpoint=endpoint,
         user=user, new_user=new_user, thread_id=thread_id)

except Exception as ex:
    print('Exception:')
    print(ex)
